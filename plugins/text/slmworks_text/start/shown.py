"""What a curation made, for people: rows in and out and why, splits, labels, lengths, examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slmworks.cli.console import Columns, say
from slmworks.contract.artifact import Dataset
from slmworks.contract.catalog import model_task
from slmworks.contract.plain_text import one_line
from slmworks.numbers.figures import count
from slmworks_text.checks import listed
from slmworks_text.conversations.token_lengths import Measure
from slmworks_text.lengths import Lengths
from slmworks_text.rows import SPLITS
from slmworks_text.start.tokens import SHARE, first_rows, lengths, texts_in

EXAMPLES = 3
LABELS = 30
"""Labels that are listed; of more, the most and the least frequent."""
WIDE = 100
"""Characters of an example."""


@dataclass(frozen=True)
class Seen:
    """A data set's card, its lengths and some rows."""

    card: Mapping[str, Any]
    unit: str
    """`tokens` of a model's tokenizer, or `words`."""
    lengths: Mapping[str, Lengths]
    """Split -> lengths of its inputs."""
    examples: Sequence[tuple[str, str]]
    """Input and target of training rows."""

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            **self.card,
            "tokens" if self.unit == "tokens" else "words": {
                split: {**one.summary(), "p99": one.quantile(SHARE)} for split, one in self.lengths.items()
            },
            "examples": [{"input": given, "target": target} for given, target in self.examples],
        }


def seen(data: Dataset, card: Mapping[str, Any], measure: Measure) -> Seen:
    """Look at a data set."""
    purpose = model_task(str(data.meta["task"]))
    columns = [*purpose.inputs, *purpose.targets]
    values = [list(first_rows(data, "train", column, EXAMPLES)) for column in columns]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
    examples = [
        (" / ".join(text for name in purpose.inputs for text in texts_in(row[name])), purpose.truth(row))
        for row in rows
    ]
    measured = {split: lengths(data, split, measure) for split in SPLITS if split in data.splits}
    return Seen(card, measure.unit, measured, examples)


def show(found: Seen, max_length: int | None = None) -> None:
    """Print it; `max_length`: tokens above which a model cuts a text."""
    card = found.card
    rows = card["rows"]
    say(f"rows {count(rows['in'])} in, {count(rows['out'])} kept")
    for title, key in (("left out", "dropped"), ("changed", "changed"), ("redacted", "personal_data")):
        if words := listed(card.get(key, {})):
            say(f"{title}: {words}")
    _splits(found)
    _labels(card)
    if max_length and found.unit == "tokens":
        train = found.lengths["train"]
        longer = sum(rows for length, rows in train.counts.items() if length > max_length)
        share = 100 * longer / train.counts.total()
        say(f"longer than max_length {max_length}: {share:.1f} % of train, cut there")
    for given, target in found.examples:
        text = one_line(given)
        say(f"  {text[:WIDE]}{'…' * (len(text) > WIDE)}{f'  →  {one_line(target)[:WIDE]}' if target else ''}")
    for sentence in card.get("warnings", []):
        say(f"warning: {sentence}.")


def _splits(found: Seen) -> None:
    table = Columns(("split", "rows", f"{found.unit}: median", "95 %", f"{SHARE} %", "longest"), wrap=())
    for split, one in found.lengths.items():
        of = found.card["splits"][split]["rows"]
        numbers = (one.at(one.counts.total() // 2), one.quantile(95), one.quantile(SHARE), max(one.counts))
        table.add(split, count(of), *map(count, numbers))
    table.show()


def _labels(card: Mapping[str, Any]) -> None:
    there = card["splits"]
    splits = {name: there[name]["labels"] for name in SPLITS if there.get(name, {}).get("labels")}
    if not splits or "train" not in splits:
        return
    labels = sorted(splits["train"], key=lambda label: (-splits["train"][label], label))
    total = sum(splits["train"].values())
    shown = labels if len(labels) <= LABELS else [*labels[: LABELS // 2], *labels[-LABELS // 2 :]]
    table = Columns(("label", *splits, "share of train"), wrap=("label",))
    for label in shown:
        if len(shown) < len(labels) and label == labels[-LABELS // 2]:
            table.add(f"… {len(labels) - len(shown)} more", *[""] * (len(splits) + 1))
        share = 100 * splits["train"][label] / total
        table.add(label, *(count(one.get(label, 0)) for one in splits.values()), f"{share:.1f} %")
    table.show()
