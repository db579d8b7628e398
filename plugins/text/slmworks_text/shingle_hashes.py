"""Hashes of the shingles of many texts at once: those that rensa gives to the strings of `shingles`.

Words are cut, joined and hashed in arrays of bytes, a text never becomes Python strings. Texts with more than
words between blanks and punctuation take the way of `shingles`, one by one.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from slmworks_text.shingles import RARE, SIGN, plain_words, shingles

ODD = 0xF1357AEA2E62A9C5
START = 0x243F6A8885A308D3, 0x13198A2E03707344
FOLD = 0xA4093822299F31D0
TURN = 26
"""Constants of rustc-hash 2, which rensa 0.5 hashes strings with; `tests/text/test_shingles.py` compares."""
PADDING = 16
"""Bytes behind the last word, so that eight can be read anywhere."""


def token_hashes(texts: Sequence[str]) -> tuple[Any, Any]:
    """The hashes of all texts' shingles (uint64), and where each text's begin and end (uint64, one more).

    A shingle that a text has twice is there twice.
    """
    import numpy as np

    hashes, counts, strange = _of_words(texts)
    if strange:
        from rensa import RMinHash

        found = RMinHash.hash_token_sets([shingles(texts[i]) for i in strange])
        ends = np.cumsum(counts)[strange]
        sizes = [len(one) for one in found]
        hashes = np.insert(
            hashes, np.repeat(ends, sizes), np.concatenate([np.array(one, "uint64") for one in found])
        )
        counts[strange] = sizes
    return hashes, np.concatenate(([0], np.cumsum(counts))).astype("uint64")


def _of_words(texts: Sequence[str]) -> tuple[Any, Any, list[int]]:
    """Hashes, their number a text, and the positions of texts that have none yet."""
    import numpy as np

    lower, rare = _tables()
    made = [text.encode() if text.isascii() else _cut(text) for text in texts]
    lengths = np.fromiter(map(len, made), "int64", len(texts))
    starts = np.cumsum(lengths + 1) - lengths - 1
    data = b"\n".join(made) + b"\n"
    strange: set[int] = set()
    hits = np.flatnonzero(np.frombuffer(data.translate(rare), "bool"))
    for i in np.unique(np.searchsorted(starts, hits, "right") - 1).tolist():
        if SIGN.search(texts[i].casefold()):
            strange.add(i)
    letters = np.frombuffer(data.translate(lower), "uint8")
    first, counts, squeezed, begins, ends = _words(letters, starts)
    strange |= set(np.flatnonzero(counts == 0).tolist())
    shingled = np.maximum(counts - 2, 1)
    left_out = sorted(strange)
    shingled[left_out] = 0
    spans = np.minimum(counts, 3)
    each = np.repeat(np.arange(len(texts)), shingled)
    within = np.arange(len(each)) - np.repeat(np.cumsum(shingled) - shingled, shingled)
    at = first[each] + within
    begin, end = begins[at], ends[at + spans[each] - 1]
    return hashed(squeezed, begin, end - begin), shingled, left_out


def _cut(text: str) -> bytes:
    """The text's words in lower case; nothing for a text that is more than words."""
    return " ".join(plain_words(text) or ()).encode()


def _words(letters: Any, starts: Any) -> tuple[Any, Any, Any, Any, Any]:
    """First word and words of each text; all words with a blank behind each; begin and end of each."""
    import numpy as np

    word = letters != 0
    edges = np.diff(word.view("int8"), prepend=0)
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    kept = letters[word | (edges == -1)]
    kept[kept == 0] = ord(" ")
    squeezed = np.concatenate((kept, np.zeros(PADDING, "uint8")))
    sizes = ends - begins
    behind = np.cumsum(sizes + 1)
    first = np.searchsorted(begins, starts)
    counts = np.diff(first, append=len(begins))
    return first, counts, squeezed, behind - sizes - 1, behind - 1


def hashed(data: Any, begin: Any, size: Any) -> Any:
    """The hashes (uint64) of the stretches of `data` (uint8, padded) with this begin and size, each > 0."""
    import numpy as np

    words = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
    one, other = (np.full(len(begin), seed, "uint64") for seed in START)
    last = begin + size
    middle = size > PADDING
    for place in range(0, int(size.max(initial=0)) - PADDING, PADDING):
        here = np.flatnonzero(size > place + PADDING)
        x, y = words[begin[here] + place], words[begin[here] + place + 8]
        folded = _folded(one[here] ^ x, y ^ np.uint64(FOLD))
        one[here] = other[here]
        other[here] = folded
    head = np.where(middle, last - PADDING, begin)
    eight = np.flatnonzero(size >= 8)
    one[eight] ^= words[head[eight]]
    other[eight] ^= words[last[eight] - 8]
    four = np.flatnonzero((size >= 4) & (size < 8))
    low = np.uint64(0xFFFFFFFF)
    one[four] ^= words[begin[four]] & low
    other[four] ^= words[last[four] - 4] & low
    few = np.flatnonzero(size < 4)
    one[few] ^= data[begin[few]].astype("uint64")
    high = data[last[few] - 1].astype("uint64") << np.uint64(8)
    other[few] ^= high | data[begin[few] + size[few] // 2].astype("uint64")
    found = (_folded(one, other) ^ size.astype("uint64")) * np.uint64(ODD)
    return (found << np.uint64(TURN)) | (found >> np.uint64(64 - TURN))


def _folded(x: Any, y: Any) -> Any:
    """Both halves of the 128 bits of a product, one over the other."""
    import numpy as np

    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    a, b, c, d = x >> half, x & low, y >> half, y & low
    ad, bc, bd = a * d, b * c, b * d
    bd >>= half
    bd += ad & low
    bd += bc & low
    high = a * c
    high += ad >> half
    high += bc >> half
    high += bd >> half
    high ^= x * y
    return high


@cache
def _tables() -> tuple[bytes, bytes]:
    """Byte -> the letter in lower case, or 0; byte -> 1 for a sign that may count."""
    signs = [chr(code) for code in range(128)]
    lower = [ord(sign.lower()) if sign.isalnum() or sign == "_" else 0 for sign in signs]
    rare = [RARE.match(sign) is not None for sign in signs]
    return bytes([*lower, *range(128, 256)]), bytes([*rare, *bytes(128)])
