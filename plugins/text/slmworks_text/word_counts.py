"""How many words texts have: those of ASCII are counted in one array of bytes, others one by one."""

from collections import Counter
from collections.abc import Sequence
from functools import cache


def words_in(texts: Sequence[str]) -> Counter[int]:
    """Number of words between blanks, as `str.split` cuts them -> texts that have so many."""
    import numpy as np

    plain = [text.encode() for text in texts if text.isascii()]
    found = Counter(len(text.split()) for text in texts if not text.isascii())
    if not plain:
        return found
    word = np.frombuffer((b" " + b" ".join(plain)).translate(_table()), "bool")
    begins = np.flatnonzero(word[1:] & ~word[:-1])
    starts = np.cumsum([len(text) + 1 for text in plain[:-1]])
    each = np.diff(np.searchsorted(begins, starts), prepend=0, append=len(begins))
    words, rows = np.unique(each, return_counts=True)
    found.update(dict(zip(words.tolist(), rows.tolist(), strict=True)))
    return found


@cache
def _table() -> bytes:
    """Byte -> 0 for a blank, else 1."""
    return bytes([not chr(code).isspace() for code in range(256)])
