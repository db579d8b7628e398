"""The text of a first recipe, by what was seen in the data and what a use-case card says."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slmworks_text.start.kinds import BEFORE, BEHIND, CLASSIFIER, Kind

SEEN = 12_800
"""Rows that a teacher sees in all epochs together; few rows are seen oftener."""
SEEN_OF_LABEL = 600
"""The same of each label: many take more rows than few (Banking77's 77, seen 230 times each, stay at 0.80 of
the 0.92 that they reach)."""
EPOCHS = 8
LEAST = 16
"""Smallest `max_length`."""
SURE = 1000
"""Rows in the test, from which 95 % kept can be shown."""


@dataclass(frozen=True)
class Facts:
    """What a recipe's text is made of."""

    name: str
    inputs: Mapping[str, str]
    """Input name -> path, relative to the recipe's folder."""
    curation: Mapping[str, Any]
    """Options of its curate step."""
    train: int
    """Rows in train, after curation."""
    test: int
    labels: int = 0
    """Different ones in train; 0 where rows have none."""
    model: str = ""
    """Source of the teacher; empty: that of the first runs."""
    layers: Sequence[int] = (0, 2, 5)
    """The teacher's layers that the student begins with."""
    max_length: int = LEAST
    """Tokens that a classifier reads; longer texts are cut."""
    measured: bool = False
    """True if the lengths were counted by the teacher's own tokenizer."""
    kind: Kind = CLASSIFIER
    measure: str = ""
    """The measure that decides; empty: the model task's first."""
    gate: Mapping[str, Any] = field(default_factory=dict)
    """Options of the gate that a use-case card gives."""
    terms: Mapping[str, str] = field(default_factory=dict)
    """Words of the model card that it gives."""


def student_layers(layers: int) -> list[int]:
    """The first, one of the middle, and the last of a teacher's layers.

    >>> student_layers(6), student_layers(12), student_layers(2)
    ([0, 2, 5], [0, 5, 11], [0, 1])
    """
    return sorted({0, (layers - 1) // 2, layers - 1})


def recipe_text(facts: Facts) -> str:
    """The recipe as YAML."""
    seen = max(SEEN, SEEN_OF_LABEL * facts.labels)
    epochs = max(1, min(EPOCHS, math.ceil(seen / facts.train)))
    few = facts.test < SURE and "retention" not in facts.gate
    usual = {"retention": 0.9 if few else 0.95, **({"speedup": 2} if facts.kind.asks_speed else {})}
    return (BEFORE + facts.kind.steps + BEHIND).format(
        name=facts.name,
        files=" and ".join(facts.inputs.values()),
        description=scalar(f"{facts.kind.noun} {facts.train:,} rows of {next(iter(facts.inputs.values()))}."),
        inputs=flow(facts.inputs),
        uses=facts.kind.uses,
        curation="\n".join(f"      {key}: {flow(value)}" for key, value in facts.curation.items()),
        model=facts.model or facts.kind.model,
        layers=flow(facts.layers),
        epochs=epochs,
        chat_epochs=min(epochs, 3),
        student_epochs=math.ceil(1.5 * epochs),
        max_length=facts.max_length,
        measure=f", with: {{measure: {facts.measure}}}" if facts.measure else "",
        measure_line=f"\n    with: {{measure: {facts.measure}}}" if facts.measure else "",
        length_note="  # 99 % of the texts fit whole" if facts.measured else "  # guessed from their words",
        card=f", card: {flow(facts.terms)}" if facts.terms else "",
        gate=flow({**usual, **facts.gate, "choose": "smallest"}),
        gate_note=f"  # {facts.test:,} test rows can't show much more; raise it with more" if few else "",
    )


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(key))}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value) if isinstance(value, str) else json.dumps(value)


def scalar(text: str) -> str:
    """A text as YAML: bare where it can only be read as text, else in double quotes."""
    bare = re.fullmatch(r"[A-Za-z_./][\w ./-]*", text, re.ASCII) and not text.endswith(" ")
    words = ("true", "false", "null", "yes", "no", "on", "off", "y", "n", ".nan", ".inf")
    if bare and text.casefold() not in words and not re.match(r"\.?\d", text):
        return text
    return json.dumps(text, ensure_ascii=False)
