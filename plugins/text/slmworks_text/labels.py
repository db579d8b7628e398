"""Labels as they are in files: cleaned like texts, named by the options, equal numbers made one."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from slmworks.contract.plain_text import escape
from slmworks_text.operators.normalise import normalise

# Zero width space, soft hyphen, word joiner, marks of direction; but not the joiners.
INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
JOINERS = "\u200c\u200d"
"""Emoji and some scripts are written with them."""
WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:\.0+)?")
ALIKE = frozenset({"LATIN", "CYRILLIC"})
"""Scripts with letters that look alike."""


@dataclass(frozen=True)
class Labels:
    """What becomes of a label in a file."""

    names: Mapping[str, str]
    """Value in a file -> label; empty: every value is a label."""
    normalise: bool

    @classmethod
    def of(cls, option: Sequence[str] | Mapping[str, str], *, normalise: bool) -> "Labels":
        """From the option: the labels to keep, or a mapping of values to them."""
        stated = dict(option) if isinstance(option, Mapping) else {name: name for name in option}
        names = {value.strip(): name for value, name in stated.items()}
        for value, name in stated.items():
            if normalise:
                names.setdefault(cleaned(value), name)
            if found := WHOLE.fullmatch(value.strip()):
                for same in (found[1], f"{found[1]}.0"):
                    names.setdefault(same, name)
        return cls(names, normalise)

    def read(self, value: object) -> tuple[str | None, bool]:
        """The label of a value that is not blank, and True if cleaning changed it.

        None: it is not among the names; empty: nothing of it can be seen.
        """
        text = str(value).strip()
        clean = cleaned(text) if self.normalise else text
        if not self.names:
            return clean, clean != text
        if text in self.names:
            return self.names[text], False
        if isinstance(value, bool):  # JSON and YAML write it in lower case
            clean = text.lower()
        return self.names.get(clean), clean != text

    def named(self, text: str) -> str | None:
        """The label for one that `bins` made; None: it is not among the names."""
        return self.names.get(text) if self.names else text


@lru_cache(maxsize=4096)
def cleaned(text: str) -> str:
    """A label without signs that nobody sees, otherwise normalised like a text."""
    return normalise(text) if text.isascii() else normalise(INVISIBLE.sub("", text))


def equal_numbers(labels: Iterable[str]) -> dict[str, str]:
    """Label -> the same whole number in its short form, where one is written in two ways (`0.0`, `0`)."""
    written: dict[str, set[str]] = {}
    for label in labels:
        if found := WHOLE.fullmatch(label):
            written.setdefault("0" if found[1] == "-0" else found[1], set()).add(label)
    return {
        label: number
        for number, forms in written.items()
        if len(forms) > 1
        for label in forms
        if label != number
    }


def spelt(label: str, *, joiners: bool = True) -> str:
    """A label as a person can tell it from others: signs that can't be seen, and look-alikes, are escaped.

    `joiners`: those that emoji and some scripts are written with too.
    """
    shown = "" if joiners else JOINERS
    composed = unicodedata.is_normalized("NFC", label)
    mixed = len({script for sign in label if (script := _script(sign))}) > 1
    return "".join(
        escape(sign)
        if (not sign.isprintable() and sign not in shown)
        or (unicodedata.combining(sign) and not composed)
        or (mixed and _script(sign) == "CYRILLIC")
        else sign
        for sign in label
    )


def _script(sign: str) -> str:
    name = unicodedata.name(sign, "").partition(" ")[0]
    return name if name in ALIKE else ""
