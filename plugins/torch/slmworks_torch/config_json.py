"""The config.json of a Hugging Face folder."""

import json
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest


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
