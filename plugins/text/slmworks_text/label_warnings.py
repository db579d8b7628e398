"""Sentences about labels that are probably not meant as they are."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from slmworks_text.labels import spelt

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
LIST = re.compile(r"\[.*[,'\"].*\]")
"""A list as Python or JSON writes it."""
MISSING = frozenset({"NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "\\N", "?"})
"""What R, pandas, databases, spreadsheets and Python write where there is no value."""
LOOKS = {ord("\ufe0e"): None, ord("\ufe0f"): None, ord("\u2019"): "'", ord("\u2010"): "-", ord("\u2011"): "-"}
"""Signs that differ for a computer only."""
FEW_TO_LEARN = 10
"""Rows of a label in train, below which it is hardly learnt."""
FEW_TO_MEASURE = 3
"""Rows of a label in the test, below which its quality is chance."""
RATINGS = 10
"""Labels with decimals above which they are a scale, not classes."""
CLASSES = 20
"""Whole numbers with few rows each above which they are one."""
SHOWN = 3

Counts = Mapping[str, int]
"""Label -> rows."""


def label_warnings(splits: Mapping[str, Counts], *, stated: Collection[str] = ()) -> list[str]:
    """All sentences; `splits`: the labelled ones, `train`, `validation` and `test`.

    `stated`: labels that somebody asked for, which are meant as they are.
    """
    total: dict[str, int] = {}
    for counts in splits.values():
        for label, count in counts.items():
            total[label] = total.get(label, 0) + count
    found = [
        *_by_case(total),
        *_by_looks(total),
        *_missing(total, stated),
        *_truth_values(total),
        *_several(total),
    ]
    found += _rare(splits)
    if looks_numeric(total):
        found.append(f"the {len(total)} labels look like numbers; make classes of them with bins")
    return found


def looks_numeric(labels: Counts) -> bool:
    """True for labels that are a scale: many numbers, with decimals or with few rows each."""
    if not all(map(NUMBER.fullmatch, labels)):
        return False
    if any("." in label.rstrip("0").rstrip(".") for label in labels):
        return len(labels) > RATINGS
    return len(labels) > CLASSES and sum(labels.values()) < FEW_TO_LEARN * len(labels)


def _by_case(labels: Counts) -> Iterator[str]:
    """Labels that differ by case only."""
    same: dict[str, list[str]] = {}
    for label in sorted(labels, key=lambda label: (-labels[label], label)):
        same.setdefault(label.casefold(), []).append(label)
    found = [group for group in same.values() if len(group) > 1]
    if found:
        words = "; ".join(_counted(group, labels) for group in found[:SHOWN]) + _more(found)
        most, other = found[0][:2]
        yield (
            f"labels that differ by case only: {words}; make them one with labels, a mapping of every value, "
            f"such as {{{spelt(other)}: {spelt(most)}}}"
        )


def _by_looks(labels: Counts) -> Iterator[str]:
    """Labels that look alike and do not differ by case."""
    same: dict[str, list[str]] = {}
    for label in sorted(labels):
        same.setdefault(_looks(label), []).append(label)
    found = [group for group in same.values() if len({label.casefold() for label in group}) > 1]
    if found:
        words = "; ".join(_counted(group, labels) for group in found[:SHOWN]) + _more(found)
        yield f"labels that look alike: {words}; if they mean the same, make them one with labels, a mapping"


def _looks(label: str) -> str:
    plain = unicodedata.normalize("NFKC", label.translate(LOOKS)).casefold()
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in plain)


def _missing(labels: Counts, stated: Collection[str]) -> Iterator[str]:
    """Labels that may stand for none."""
    found = sorted((MISSING & labels.keys()).difference(stated))
    if found:
        yield (
            f"labels that may stand for a missing value: {_counted(found, labels)}; they are words here; to "
            "leave such rows out, list the other labels with labels"
        )


def _truth_values(labels: Counts) -> Iterator[str]:
    words = [label for label in labels if label.casefold() in ("true", "false")]
    numbers = [label for label in ("0", "1") if label in labels]
    if words and numbers:
        yield (
            f"labels are truth values and numbers: {_counted([*words, *numbers], labels)}; if they mean the "
            "same, make them one with labels, a mapping of every value"
        )


def _several(labels: Counts) -> Iterator[str]:
    """Labels that list others."""
    found = sorted(label for sign in "|;,/+" for label in _lists(labels, sign))
    found += sorted(label for label in labels if LIST.fullmatch(label))
    if found:
        yield (
            f"labels that look like several: {_counted(found[:SHOWN], labels)}{_more(found)}; a row has one "
            "label here (multi-label is not offered), so each list is a label of its own; split such rows, "
            "or leave them out with labels"
        )


def _lists(labels: Counts, sign: str) -> Iterator[str]:
    """Labels with a sign between parts that are labels too, or for `|` and `;` parts of another list."""
    parts = {label: {part.strip() for part in label.split(sign)} for label in labels if sign in label}
    shared = Counter(part for found in parts.values() for part in found)
    for label, found in parts.items():
        if all(found) and (
            found <= labels.keys()
            or (sign in "|;" and any(part in labels or shared[part] > 1 for part in found))
        ):
            yield label


def _rare(splits: Mapping[str, Counts]) -> Iterator[str]:
    """Labels with too few rows to be learnt, or to be measured."""
    for split, few, purpose in (("train", FEW_TO_LEARN, "learnt"), ("test", FEW_TO_MEASURE, "measured")):
        counts = {label: splits[split].get(label, 0) for label in splits["train"]}
        found = sorted((label for label in counts if counts[label] < few), key=lambda one: (counts[one], one))
        if found:
            yield (
                f"{split} has fewer than {few} rows of {_counted(found[:SHOWN], counts)}{_more(found)}: "
                f"hardly enough to be {purpose}"
            )


def _counted(labels: Sequence[str], counts: Counts) -> str:
    return ", ".join(f"'{spelt(label)}' ({counts.get(label, 0)})" for label in labels)


def _more(found: Sequence[object]) -> str:
    return f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
