"""The config.json of a Hugging Face folder."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from slmworks.contract.errors import BadRequest

NAMES = {"hidden_size": ("dim", "n_embd"), "num_attention_heads": ("n_heads", "n_head")}
"""What transformers calls an entry of any configuration -> names of it in files (DistilBERT, GPT-2)."""


def read(folder: Path, *, port: str) -> dict[str, Any]:
    """Its content; BadRequest names the port that the folder came through."""
    try:
        return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BadRequest(
            f"{port}: not a Hugging Face model folder ({type(error).__name__}: config.json); "
            "point at the folder that has config.json and model.safetensors."
        ) from None


def known(folder: Path) -> dict[str, Any]:
    """Its content; empty where it can't be read, which whoever loads the model says."""
    try:
        return read(folder, port="")
    except BadRequest:
        return {}


def entries(folder: Path) -> Any:
    """Its entries as attributes, by the names that they have in transformers; without any as `known`."""
    said = known(folder)
    for name, others in NAMES.items():
        found = [said[other] for other in (name, *others) if other in said]
        said |= {name: found[0]} if found else {}
    return SimpleNamespace(**said)
