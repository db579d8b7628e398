"""Shared by the model task and the trainers of its models: name, columns, the file beside `model.onnx`."""

import json
from collections.abc import Mapping

from slmworks.contract.artifact import Model

NAME = "feature-extraction"
INPUTS = ("text",)
TARGETS = ("document",)


def companions(model: Model) -> Mapping[str, str]:
    """`embedding.json`: the vector's dimensions and the length in tokens."""
    about = {name: int(model.meta[name]) for name in ("dimensions", "max_length")}
    return {"embedding.json": json.dumps(about, indent=1) + "\n"}
