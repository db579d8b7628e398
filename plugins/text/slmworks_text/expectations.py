"""`expect`: what a data set must be like; otherwise its curation is refused, with all that was found."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ConfigDict, Field

from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.options import OptionError
from slmworks_text.checks import Counts, by_label
from slmworks_text.conversations.turns import NO_COMMON, NO_USER
from slmworks_text.ranges import Range
from slmworks_text.rows import LABELLED, SPLITS, Tally

FIELD = "expect"
Written = str | int | float
"""A range as a recipe writes it; see `Range`."""

EQUAL = ("duplicate", "equal to a ")
NEAR = ("near duplicate", "near a ", "near in meaning")
NULL = ("no ", "empty")
"""Reasons that begin so: no label, or whatever the target is called, empty, empty completion, …"""
THERE = (NO_USER, NO_COMMON)
"""Those of them for rows whose cells all hold something."""
NAMED = ("label_share", "source_share", "drift")
DriftNumber = Literal["label_psi", "length_ks", "vocabulary_js", "unseen_words", "embedding_mmd", "p"]
UNBOUNDED = ("label_psi", "embedding_mmd")
"""Numbers that are no shares."""
UNMEASURED = {
    "label_psi": "the rows have no labels",
    "embedding_mmd": "give the step an `embedder`, a model for feature-extraction, and 20 rows of each",
}
"""Number of drift -> why it may be missing."""
SHARES = ("duplicates", "near_duplicates", "conflicts", "null", "filtered", "dropped")


class Expectations(Documented):
    """Ranges, each a number, `">= 1000"`, `"> 0, < 0.2"` or `"0.05..0.5"` (both included)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: Written | None = None
    """Rows of train, validation and test."""
    train: Written | None = None
    """Rows of the split."""
    validation: Written | None = None
    """Rows of the split."""
    test: Written | None = None
    """Rows of the split."""
    transfer: Written | None = None
    """Rows of the split."""
    labels: Written | None = None
    """Different labels."""
    label_share: dict[str, Written] = Field(default_factory=dict)
    """Label -> share of the labelled rows that have it; where parts of texts are labelled, its share of
    these."""
    source_share: dict[str, Written] = Field(default_factory=dict)
    """Source -> share of the rows of train, validation and test."""
    duplicates: Written | None = None
    """Share of the rows read that are dropped since another one has the same text, of any split."""
    near_duplicates: Written | None = None
    """The same of nearly the same text, or of the same meaning."""
    conflicts: Written | None = None
    """Share of the rows read that are dropped since their text has two labels."""
    null: Written | None = None
    """Share of the rows read that are dropped since a text, label or answer is missing or empty."""
    filtered: Written | None = None
    """Share of the rows read that row operators drop."""
    dropped: Written | None = None
    """Share of the rows read that are in no split."""
    drift: dict[DriftNumber, Written] = Field(default_factory=dict)
    """Where `drift` is measured: `label_psi`, `length_ks`, `vocabulary_js`, `unseen_words`, `embedding_mmd`,
    and `p`, the smallest p-value, corrected for the number of tests (Holm)."""


class NotAsExpected(BadRequest):
    """A data set is outside of the ranges that its recipe expects."""


def refuse_unreadable(value: Any) -> Any:
    """The option's value; OptionError with its place for a range that is none, or a share beyond 1."""
    if not isinstance(value, Mapping):
        return value
    for name, written in value.items():
        known = name in Expectations.model_fields
        if name in NAMED and not isinstance(written, Mapping):
            continue  # refused as any value of a wrong kind
        several = written if name in NAMED else {None: written}
        for key, one in several.items():
            if known and one is not None:
                place = (FIELD, str(name), *([str(key)] if key is not None else []))
                _refuse_range(one, place, share=name in (*NAMED, *SHARES) and key not in UNBOUNDED)
    return value


def _refuse_range(written: Any, place: tuple[str, ...], *, share: bool) -> None:
    try:
        found = Range.parse(written)
    except ValueError as error:
        raise OptionError(place, f"{error}.") from None
    if share and any(not 0 <= bound <= 1 for bound in found.bounds):
        raise OptionError(place, f"a share of rows is between 0 and 1, not {written}.")


@dataclass(frozen=True)
class Found:
    """A curated data set in numbers."""

    counts: Mapping[str, Counts]
    """Split -> rows by stratum."""
    tally: Tally
    rows_in: int
    drift: Mapping[str, float] = field(default_factory=dict)
    """Name of a number of drift -> the number, as far as it was measured."""
    marks: Mapping[str, int] | None = None
    """Label -> marks in train, validation and test, where labels are those of marks and not of rows."""

    @property
    def kept(self) -> Counts:
        """Rows of train, validation and test, by stratum."""
        found: Counter[Any] = Counter()
        for split in LABELLED:
            found.update(self.counts.get(split, {}))
        return found

    def lost(self, *beginnings: str) -> int:
        """Rows dropped for reasons that begin so."""
        return sum(n for reason, n in self.tally.dropped.items() if reason.startswith(beginnings))


def met(expected: Expectations | None, found: Found) -> list[str]:
    """A sentence for each range, with what was found; NotAsExpected with a line for each that isn't met."""
    ranges = list(_ranges(expected)) if expected else []
    numbers = [(".".join(name), written, *_judged(name, written, found)) for name, written in ranges]
    problems = [
        f"  {name}: {said}, expected {written}" for name, written, said, holds in numbers if not holds
    ]
    if problems:
        head = f"with.expect: {len(problems)} of {len(ranges)} not met:\n"
        raise NotAsExpected(head + ";\n".join(problems))
    return [f"{name} {written}: {said}" for name, written, said, _ in numbers]


def _ranges(expected: Expectations) -> Iterator[tuple[tuple[str, ...], Written]]:
    for name in Expectations.model_fields:
        value = getattr(expected, name)
        if name in NAMED:
            yield from (((name, key), written) for key, written in value.items())
        elif value is not None:
            yield (name,), value


def _judged(name: tuple[str, ...], written: Written, found: Found) -> tuple[str, bool]:
    """The number with what it is made of, and whether it is within the range."""
    if name[0] == "drift":
        drifted = found.drift.get(name[1])
        if drifted is None:
            return f"not measured; {UNMEASURED.get(name[1], 'nothing was compared')}", False
        return f"{drifted:.4g}", Range.parse(written).holds(drifted)
    count, whole, hint = _number(name, found)
    number = count if whole is None else count / whole if whole else 0.0
    unit = "marks" if name[0] == "label_share" and found.marks is not None else "rows"
    said = f"{count:,}{hint}" if whole is None else f"{number:.4g} ({count:,} of {whole:,} {unit}{hint})"
    return said, Range.parse(written).holds(number)


def _number(name: tuple[str, ...], found: Found) -> tuple[int, int | None, str]:
    """A count, what it is a share of (None: nothing), and a hint."""
    kept, dropped = found.kept, found.tally.dropped
    word = name[0]
    if word == "rows":
        return sum(kept.values()), None, ""
    if word in SPLITS:
        return sum(found.counts.get(word, {}).values()), None, ""
    labels = by_label(kept) if found.marks is None else Counter(found.marks)
    if word == "labels":
        return len([label for label in labels if label]), None, ""
    if word in NAMED:
        known = labels if word == "label_share" else _by_source(kept)
        hint = (
            "" if name[1] in known else f"; there is none. {did_you_mean(name[1], list(known))}".rstrip(".")
        )
        return known.get(name[1], 0), sum(known.values()), hint
    counts = {
        "duplicates": found.lost(*EQUAL),
        "near_duplicates": found.lost(*NEAR),
        "conflicts": dropped["conflicting labels"],
        "null": found.lost(*NULL) - sum(dropped[reason] for reason in THERE),
        "filtered": sum(dropped[reason] for reason in found.tally.filtered),
        "dropped": dropped.total(),
    }
    return counts[word], found.rows_in, ""


def _by_source(counts: Counts) -> Counter[str]:
    found: Counter[str] = Counter()
    for stratum, count in counts.items():
        found[stratum.source] += count
    return found
