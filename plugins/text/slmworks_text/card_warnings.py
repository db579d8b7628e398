"""Sentences about what may not be meant as it is, for the card and the lines of the task."""

from collections.abc import Mapping, Sequence

from slmworks.curate.operators import Chosen
from slmworks_text import out_of_scope
from slmworks_text.checks import FILES, Counts, by_label
from slmworks_text.label_warnings import label_warnings
from slmworks_text.rows import LABELLED, WRONG_WIDTH, Tally


def text_warnings(counts: Mapping[str, Counts], tally: Tally, stated: Sequence[str] | None) -> list[str]:
    """Of files, rows of a wrong width and labels; `stated`: None where targets are no labels."""
    found = tally.warnings[:FILES]
    if len(tally.warnings) > FILES:
        found.append(f"files like these: {len(tally.warnings) - FILES} more")
    if tally.ragged:
        wrong = tally.dropped[WRONG_WIDTH]
        found.append(f"rows dropped for a {WRONG_WIDTH}: {wrong:,}; the first: {tally.ragged}")
    if stated is not None:
        splits = {split: by_label(counts[split]) for split in LABELLED}
        found += label_warnings(splits, stated=tuple(stated))
        found += out_of_scope.warnings({split: sum(rows.values()) for split, rows in counts.items()})
    return found


def operator_warnings(operators: Sequence[Chosen]) -> list[str]:
    """Operators that judge lines where there is one only, since normalise came first."""
    names = [one.name for one in operators]
    last = names.index("normalise") if "normalise" in names else -1
    return [
        f"{one.name} judges lines, which normalise has joined to one before; list normalise behind it"
        for place, one in enumerate(operators)
        if one.operator.sees_lines and place > last
    ]
