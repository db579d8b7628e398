"""What a teacher is shown: topics, and rows of a data set."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_generation.json_answers import schema_flaw
from slmworks.model_tasks.text_generation.messages import conversation
from slmworks_text.conversations.messages import parsed

HELD_OUT = ("validation", "test")
TOPIC, EXAMPLES = "{topic}", "{examples}"


@dataclass(frozen=True)
class Seeds:
    """Topics and rows to write from."""

    topics: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]
    """`messages`, `completion` and, if there, `schema` of the training rows."""
    held_out: Mapping[str, Sequence[str]]
    """Split -> texts of its rows, which no new row may be like."""

    @classmethod
    def of(cls, topics: tuple[str, ...], data: Dataset | None) -> "Seeds":
        """From a data set's training rows; BadRequest where there is nothing to write from."""
        rows = [] if data is None else _rows(data, "train")
        held_out = {
            split: [text_of(row) for row in _rows(data, split)]
            for split in HELD_OUT
            if data is not None and split in data.splits
        }
        if not topics and not rows:
            raise BadRequest("nothing to write from: give `seeds` with training rows, or `topics`.")
        return cls(topics, rows, held_out)

    @property
    def number(self) -> int:
        """How many seeds there are: topics, or else rows."""
        return len(self.topics or self.rows)

    def asked(self, template: str, seed: int, examples: int, chance: random.Random) -> str:
        """The template with a topic and examples in it; a row that is a seed is the first of them."""
        text = template
        if self.topics:
            text = text.replace(TOPIC, self.topics[seed])
        if EXAMPLES in template:
            first = [] if self.topics else [seed]
            others = [place for place in range(len(self.rows)) if place not in first]
            more = chance.sample(others, min(examples - len(first), len(others)))
            shown = "\n".join(_shown(self.rows[place]) for place in (*first, *more))
            text = text.replace(EXAMPLES, shown)
        return text

    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema that all training rows' answers follow, if they have one and the same.

        BadRequest for one that is none.
        """
        found = {str(row.get("schema") or "") for row in self.rows}
        if len(found) != 1 or found == {""}:
            return {}
        (text,) = found
        if problem := schema_flaw(text):
            raise BadRequest(f"seeds: the schema of their rows {problem}; mend it, and curate them again.")
        said = json.loads(text)
        return said if isinstance(said, dict) else {}


def text_of(row: Mapping[str, Any]) -> str:
    """All that is said in a row, answer included, that isn't the same in many."""
    return f"{conversation(row['messages'])}\n{row['completion'] or ''}"


def _rows(data: Dataset, split: str) -> list[dict[str, Any]]:
    if split not in data.splits:
        return []
    further = ["schema"] if data.has(split, "schema") else []
    return data.rows(split, "messages", "completion", *further)


def _shown(row: Mapping[str, Any]) -> str:
    """A row in the form in which the teacher is to write one."""
    asked = row["messages"][-1]["content"]
    return json.dumps({"instruction": asked, "output": parsed(row["completion"])}, ensure_ascii=False)
