"""What a skeleton is made of: fields of the class, statements of `run`, and a test.

All texts are `string.Template`s with the words that `skeleton.files` gives.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Body:
    """The parts of a skeleton that differ from stage to stage."""

    description: str
    """Docstring of the class: one sentence."""
    promise: str
    """Docstring of `run`."""
    run: str
    """Statements of `run`."""
    test: str
    """The test module."""
    fields: str = ""
    """Traits and options of the class."""
    imports: tuple[str, ...] = ("from typing import ClassVar",)
    """Imports from outside slmworks, sorted, with an empty line between groups."""
    ours: tuple[str, ...] = ()
    """Names of slmworks' public face that are used beside those of the ports."""
    requires: tuple[str, ...] = ()
    """Distributions of the extra `run`."""
    leaves_out: tuple[str, ...] = ()
    """Optional ports that `run` doesn't take."""
