"""Lines of a printed page: how long they usually are, and which are full or end a sentence."""

from collections.abc import Iterable

ENDS = (".", "!", "?", ":", "。", "！", "？")
"""Signs that end a sentence."""
FULL = 0.75
"""A line is full from this share of the usual length on."""


def usual_length(lines: Iterable[str]) -> int:
    """The length that a quarter of the lines that aren't empty reach; 0 without any."""
    lengths = sorted(len(line.strip()) for line in lines if line.strip())
    return lengths[len(lengths) * 3 // 4] if lengths else 0


def is_full(line: str, usual: int) -> bool:
    """Whether a line goes on to about where lines usually end."""
    return len(line.strip()) >= FULL * usual


def ends_sentence(line: str) -> bool:
    """Whether a line ends with a sentence."""
    return line.rstrip().endswith(ENDS)
