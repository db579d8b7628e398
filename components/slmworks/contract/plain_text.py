"""Text that others wrote (reasons, names, errors, labels, file names), as people may be shown it.

Nothing in it acts on a terminal or a page, nothing is hidden, and nothing is lost. What is kept or compared
is the text itself; these are for the moment at which it is shown.
"""

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories: control, format (marks of direction too), halves of a character, line ends."""

_KEPT = frozenset(
    "\n\t"
    "\u200c\u200d"  # joiners: some scripts and emoji are written with them
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"  # drawn
)


def visible(text: object) -> str:
    r"""The text with everything that acts or can't be seen as its escape; line ends and tabs stay.

    >>> visible("safe\x1b[2J")
    'safe\\x1b[2J'
    """
    said = str(text)
    if said.isprintable():
        return said
    return "".join(escape(sign) if _is_hidden(sign) else sign for sign in said.replace("\r\n", "\n"))


def one_line(text: object) -> str:
    """`visible`, with line ends and other white space as one blank each: for places of one line."""
    return visible(" ".join(str(text).split()))


def escape(sign: str) -> str:
    r"""The Python escape of a character: `\x1b`, `\u202e`."""
    return sign.encode("unicode_escape").decode()


def _is_hidden(sign: str) -> bool:
    return not sign.isprintable() and unicodedata.category(sign) in _HIDDEN and sign not in _KEPT
