"""Example rows of a card, made of templates: `Where is my {thing}?`."""

import csv
import io
import json
import random
import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

SLOT = re.compile(r"\{(\w+)\}")
SEED, BAR = 0, " | "


class Example(BaseModel):
    """Templates of rows, and what stands in their slots."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    each: Annotated[int, Field(ge=1, le=200)] = 12
    """Rows that are made of each template; fewer where its slots have fewer combinations."""
    slots: Mapping[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Slot -> what may stand there. A value `a | b` writes `a` in the first column and `b` in the others."""
    marks: Mapping[str, str] = Field(default_factory=dict)
    """Slot -> label of what stands there: rows are then a text and its `entities`, for curate/tags."""
    rows: Annotated[tuple[Mapping[str, str], ...], Field(min_length=2)]
    """Column -> text; the same columns in all rows, the first one with the most slots."""

    @model_validator(mode="after")
    def _fits(self) -> "Example":
        if without := self.marks.keys() - self.slots.keys():
            raise ValueError(f"marks: no slot '{min(without)}'")
        first = list(self.rows[0])
        for number, row in enumerate(self.rows):
            if list(row) != first:
                raise ValueError(
                    f"rows {number}: has the columns {', '.join(row)}, the first row {', '.join(first)}"
                )
            for text in row.values():
                if unknown := [name for name in SLOT.findall(text) if name not in self.slots]:
                    raise ValueError(f"rows {number}: no slot '{unknown[0]}'")
        return self

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return ["text", "entities"] if self.marks else list(self.rows[0])

    def made(self) -> list[list[str]]:
        """The rows, in an order of their own that is always the same."""
        found = [row for template in self.rows for row in self._of(template)]
        random.Random(SEED).shuffle(found)
        return found

    def as_csv(self) -> str:
        """The rows as a csv file's text, with a header line."""
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows([self.columns, *self.made()])
        return written.getvalue()

    def _of(self, template: Mapping[str, str]) -> Iterator[list[str]]:
        names = list(dict.fromkeys(name for text in template.values() for name in SLOT.findall(text)))
        ways = list(product(*(self.slots[name] for name in names)))
        random.Random(f"{SEED} {template}").shuffle(ways)
        for way in ways[: self.each]:
            values = dict(zip(names, way, strict=True))
            yield self._marked(template, values) if self.marks else self._filled(template, values)

    def _marked(self, template: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
        """The text, and where its slots with a label stand in it, as JSON."""
        (written,) = template.values()
        text, entities, end = "", [], 0
        for slot in SLOT.finditer(written):
            text += written[end : slot.start()]
            start, end = len(text), slot.end()
            text += values[slot[1]]
            if label := self.marks.get(slot[1]):
                entities.append({"start": start, "end": len(text), "label": label})
        return [text + written[end:], json.dumps(entities)]

    @staticmethod
    def _filled(template: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
        first, *others = template.values()
        asked = {name: value.partition(BAR)[0] for name, value in values.items()}
        written = {name: value.rpartition(BAR)[2] for name, value in values.items()}
        return [
            SLOT.sub(lambda slot: asked[slot[1]], first),
            *(SLOT.sub(lambda slot: written[slot[1]], text) for text in others),
        ]
