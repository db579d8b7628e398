"""Errors for people: one line with place, problem and way out.

The exit code belongs to the error, so a terminal, a pod and a scheduler agree on the outcome.
"""

import difflib
import errno
from collections.abc import Iterable, Sequence
from typing import ClassVar

from slmworks.contract.plain_text import visible
from slmworks.contract.synonyms import synonym


class SlmworksError(Exception):
    """An error with a message for people: printed without a traceback."""

    exit_code: ClassVar[int] = 1


class BadRequest(SlmworksError):
    """A request that cannot be carried out: nothing was started and nothing was written."""

    exit_code: ClassVar[int] = 2


class TaskFailed(SlmworksError):
    """A step was started and did not finish."""


class CorruptObject(SlmworksError):
    """Bytes in the store are not the bytes that were committed."""


NAMED = 40
"""Names that an error lists."""

_MENDED = frozenset(
    (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK)
)
"""What a disk refuses until a person changes something; other errors may pass."""


def exit_of(error: SlmworksError | OSError | KeyboardInterrupt) -> tuple[str, int]:
    """The line that a person reads of an error that ends a command, and its exit code."""
    if isinstance(error, SlmworksError):
        return visible(f"slmworks: {error}"), error.exit_code
    if isinstance(error, OSError):
        code = 2 if error.errno in _MENDED else 1
        return visible(f"slmworks: {error.filename or 'system'}: {error.strerror or error}"), code
    return "\nslmworks: stopped. What was finished is kept; run it again to go on from there.", 130


def first_line(said: object) -> str:
    """The first line of a text or an error's message; the error's class where that is empty."""
    lines = str(said).strip().splitlines()
    return lines[0] if lines else type(said).__name__ if isinstance(said, BaseException) else ""


def in_a_line(error: BaseException, most: int) -> str:
    """A library's error in a line of ours: its class, and up to `most` characters of its message.

    A first line that ends in a colon takes the next one along.
    """
    said = first_line(error)
    if said.endswith(":") and (after := str(error).strip().splitlines()[1:]):
        said = f"{said} {after[0].strip()}"
    return f"{type(error).__name__}: {said[:most]}"


def with_article(noun: str) -> str:
    """A noun behind "a" or "an".

    >>> with_article("export plugin"), with_article("dataset")
    ('an export plugin', 'a dataset')
    """
    return f"{'an' if noun[:1].lower() in {*'aeio'} else 'a'} {noun}"


def listed(names: Sequence[object]) -> str:
    r"""Names for an error, each without signs that break its line; of many, how many more there are.

    >>> listed(["text", "a\\nb"])
    'text, a\\\\nb'
    """
    some = ", ".join(repr(str(name))[1:-1] for name in names[:NAMED])
    return some if len(names) <= NAMED else f"{some} and {len(names) - NAMED:,} more"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence that offers another tool's word for it or the nearest known word, or lists the known ones.

    >>> did_you_mean("temprature", ["alpha", "temperature"])
    "Did you mean 'temperature'?"
    """
    names = sorted(known)
    near = synonym(word, names) or next(iter(difflib.get_close_matches(word, names, n=1, cutoff=0.6)), None)
    if near:
        return f"Did you mean '{near}'?"
    if not names:
        return "There are none."
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"Known: {shown}."
