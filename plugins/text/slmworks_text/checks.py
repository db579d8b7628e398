"""Data that cannot be split or learnt from, refused in one line that says why."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from slmworks.contract.errors import BadRequest
from slmworks.numbers import figures
from slmworks_text.label_warnings import looks_numeric
from slmworks_text.labels import spelt
from slmworks_text.rows import WRONG_WIDTH, Tally, most_frequent
from slmworks_text.schema import Stratum

FILES = 3
"""So many warnings about files are kept."""

Counts = Mapping[Stratum, int]
"""Stratum -> rows."""


@dataclass(frozen=True)
class Loss:
    """Rows of one input that cannot be used: of a wrong width, or without a target."""

    input: str
    rows: int
    """Rows read."""
    lost: Counter[str]
    """Reason -> rows."""

    @classmethod
    def of(cls, name: str, kept: int, dropped: Counter[str], usable: Collection[str]) -> Self:
        """Of an input that keeps so many rows; `usable`: reasons that speak of no mistake in a file."""
        bad = {reason: count for reason, count in dropped.items() if reason not in usable}
        return cls(name, kept + dropped.total(), Counter(bad))


def refuse_unlabelled(pool: Counts, tally: Tally, rows_in: int) -> None:
    """BadRequest for a pool without rows."""
    if not pool:
        first = f" {_first(tally)}" if tally.ragged else ""
        raise BadRequest(
            f"no labelled rows to train on: {rows_in} rows read {reasons(tally)}; "
            f"check what was fetched.{first}"
        )


def refuse_losses(losses: Sequence[Loss], most: float, tally: Tally) -> None:
    """BadRequest for an input of which a larger share of rows than `most` cannot be used."""
    for loss in losses:
        lost = loss.lost.total()
        if lost > most * loss.rows:
            words = listed(loss.lost)
            first = f" {_first(tally)}" if WRONG_WIDTH in loss.lost else ""
            raise BadRequest(
                f"{loss.input}: {lost:,} of {loss.rows:,} rows can't be used ({words}), more than "
                f"{figures.requirement(most)}.{first} Mend the file or the options, or allow it with "
                "max_unusable."
            )


def _first(tally: Tally) -> str:
    return f"The first of a wrong width: {tally.ragged}."


def refuse_bad_inputs(losses: Sequence[Loss], most: float, tally: Tally) -> None:
    """BadRequest for an input of which a larger share of rows than `most` breaks a rule."""
    for loss in losses:
        lost = loss.lost.total()
        if lost > most * loss.rows:
            frequent = most_frequent(loss.lost)[0][0]
            raise BadRequest(
                f"{loss.input}: {lost:,} of {loss.rows:,} rows can't be used ({listed(loss.lost)}), more "
                f"than {figures.requirement(most)}. The first: {tally.first[frequent]}. Mend the file or the "
                "options, or allow it with max_unusable."
            )


def refuse_one_class(pool: Counts) -> None:
    """BadRequest for a pool with a single label."""
    labels = by_label(pool)
    if len(labels) == 1:
        raise BadRequest(
            f"only one label, '{spelt(next(iter(labels)))}', in all {labels.total()} rows; "
            "a classifier needs two."
        )


def refuse_rare(pool: Counts, splits: int) -> None:
    """BadRequest for labels with fewer rows in the pool than splits are taken from it."""
    labels = by_label(pool)
    rare = [f"'{spelt(label)}' ({count})" for label, count in sorted(labels.items()) if count < splits]
    if rare:
        way_out = (
            'the labels look like numbers: use bins, such as {low: "< 0.5", high: "else"}'
            if looks_numeric(labels)
            else "add rows, or list the labels to keep with labels"
        )
        raise BadRequest(
            f"too few rows to put one into each of {splits} splits: {', '.join(rare[:5])}; {way_out}."
        )


def refuse_empty(counts: Mapping[str, Counts], tally: Tally) -> None:
    """BadRequest where train, validation or test would have no row."""
    rows = sum(sum(found.values()) for found in counts.values())
    for split in ("train", "validation", "test"):
        if not counts[split]:
            raise BadRequest(
                f"the split '{split}' would be empty: {rows} rows are left {reasons(tally)}; "
                "give more rows, or fewer and smaller groups."
            )


def label_order(counts: Mapping[str, Counts], order: Sequence[str], shares: Mapping[str, float]) -> list[str]:
    """The labels of the training rows in order; BadRequest when another split has one that they lack."""
    known = set(by_label(counts["train"]))
    for split in ("validation", "test"):
        strange = sorted(set(by_label(counts[split])) - known)
        if strange:
            raise _not_in_train(strange[0], split, known, grouped=split in shares)
    return [label for label in order if label in known] if order else sorted(known)


def _not_in_train(label: str, split: str, known: set[str], *, grouped: bool) -> BadRequest:
    head = f"label '{spelt(label)}' is in {split} and not in train"
    alike = sorted(one for one in known if one.casefold() == label.casefold())
    if grouped:
        return BadRequest(
            f"{head}; all its rows went to one split with their group. Give rows of more groups, or list "
            "the labels to keep with labels."
        )
    if alike:
        return BadRequest(
            f"{head}, which has '{spelt(alike[0])}'; if they mean the same, make them one with labels, "
            f"a mapping of every value, such as {{{spelt(label)}: {spelt(alike[0])}}}."
        )
    there = ", ".join(f"'{spelt(one)}'" for one in sorted(known)[:5]) + (", …" if len(known) > 5 else "")
    return BadRequest(
        f"{head} (there are: {there}); it cannot be learnt. Give training rows of it, list the labels to "
        "keep with labels, or map it to another one with labels."
    )


def by_source(counts: Counts) -> Counter[str]:
    """Source -> rows."""
    found: Counter[str] = Counter()
    for stratum, count in counts.items():
        found[stratum.source] += count
    return found


def by_label(counts: Counts) -> Counter[str]:
    """Label -> rows."""
    found: Counter[str] = Counter()
    for stratum, count in counts.items():
        found[stratum.label] += count
    return found


def reasons(tally: Tally) -> str:
    """Dropped rows by reason, in parentheses."""
    found = ", ".join(f"{count} {reason}" for reason, count in most_frequent(tally.dropped))
    return f"(dropped: {found})" if found else "(none dropped)"


def listed(dropped: Mapping[str, int]) -> str:
    """Reasons with their rows, the most frequent first: `no label 60, duplicate 3`."""
    return ", ".join(f"{reason} {count:,}" for reason, count in most_frequent(dropped))


def first_of_each(tally: Tally) -> list[str]:
    """What may not be meant as it is: doubtful files, and the first of the dropped rows of each kind."""
    found = tally.warnings[:FILES]
    if len(tally.warnings) > FILES:
        found.append(f"files like these: {len(tally.warnings) - FILES} more")
    return found + [
        f"rows dropped, {reason}: {tally.dropped[reason]:,}; the first: {where}"
        for reason, where in sorted(tally.first.items())
    ]
