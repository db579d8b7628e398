"""YAML by libyaml, which is some ten times as fast as PyYAML's own: compiled pipelines are long."""

from collections.abc import Iterator
from typing import Any

import yaml


def load_all(text: str) -> Iterator[Any]:
    """The documents of a text."""
    return yaml.load_all(text, Loader=yaml.CSafeLoader)


def dump(document: Any, **style: Any) -> str:
    """A document as text."""
    return str(yaml.dump(document, Dumper=yaml.CSafeDumper, **style))
