"""The labels of a classifier and of the data that it learns from."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.artifact import Dataset, Model

HEADER = "classification"
"""`meta["task"]` of classifiers and their data; models registered under it keep their digests."""


def labels_of(artifact: Dataset | Model) -> list[str]:
    """The labels in the order of a model's logits; empty for a bare encoder."""
    return list(artifact.meta.get("labels", []))


def companions(
    labels: Sequence[str], max_length: int, scope: Mapping[str, Any] | None = None
) -> Mapping[str, str]:
    """`labels.json`, beside a `model.onnx`: labels in the order of the logits, and the length in tokens.

    And the threshold of its scope, where it knows one.
    """
    about = {"labels": list(labels), "max_length": max_length, **({"scope": dict(scope)} if scope else {})}
    return {"labels.json": json.dumps(about, indent=1, ensure_ascii=False) + "\n"}
