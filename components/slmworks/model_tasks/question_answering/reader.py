"""From what a network computes for question and context to an answer: the best run of words of any window.

Needs numpy and `word_windows`, and nothing else of slmworks: releases and edge bundles carry a copy.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from slmworks.model_tasks.onnx_text import graph_inputs
from slmworks.model_tasks.word_windows import TOGETHER, Span, windowing, windows_of, words_in, words_of

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Encoding, Tokenizer

    Array = np.ndarray[Any, Any]

LONGEST = 30
"""Words of the longest answer."""
SPECIAL = 4
"""Tokens that stand around a pair, at most."""


class Best(NamedTuple):
    """The best answer of a window."""

    odds: float
    """By how much its logits exceed those of no answer."""
    start: int
    """Its first character."""
    end: int
    score: float
    """Probability of its first word times that of its last."""
    none: float
    """The same of no answer."""


class Pairs:
    """Cuts questions and contexts into windows: the question in each, and a part of the context."""

    def __init__(self, tokenizer: "Tokenizer", max_length: int) -> None:
        """The tokenizer becomes one that cuts the second text of a pair."""
        self._most = max_length // 2 - SPECIAL
        self._whole = type(tokenizer).from_str(tokenizer.to_str())
        self._whole.no_truncation()
        self._whole.no_padding()
        self._tokenizer = windowing(tokenizer, max_length, pairs=True)

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> "list[Encoding]":
        """Rows of question and context; a question of more than half a window is cut."""
        pairs = [(self._short(_well_formed(row["question"])), _well_formed(row["context"])) for row in rows]
        return list(self._tokenizer.encode_batch(pairs))

    def _short(self, question: str) -> str:
        tokens = self._whole.encode(question, add_special_tokens=False)
        if len(tokens.ids) <= self._most:
            return question
        return question[: tokens.offsets[self._most - 1][1]]


def answers(
    rows: Sequence[Mapping[str, Any]],
    encoded: "Sequence[Encoding]",
    compute: "Callable[[Mapping[str, Array]], Array]",
    *,
    unanswerable: bool,
) -> list[dict[str, Any]]:
    """Compute encoded pairs, padded to one length, and answer each row.

    `compute` gives the logits of first and last tokens, float32 [windows, tokens, 2].
    """
    cut = [windows_of(one) for one in encoded]
    flat = [window for windows in cut for window in windows]
    computed: list[Array] = []
    for start in range(0, len(flat), TOGETHER):
        computed += list(compute(graph_inputs(flat[start : start + TOGETHER])))
    found, done = [], 0
    for row, windows in zip(rows, cut, strict=True):
        words = words_of(row["context"])
        logits = computed[done : (done := done + len(windows))]
        own = [list(words_in(words, window, part=1)) for window in windows]
        bests = [best_of(words, some, values) for some, values in zip(own, logits, strict=True)]
        found.append(answer_of(row["context"], bests, unanswerable=unanswerable))
    return found


def best_of(words: Sequence[Span], own: Sequence[tuple[int, int, int]], logits: "Array") -> Best | None:
    """The best run of words in a window, from logits [tokens, 2]; the first token means no answer.

    `own`: word, first and last token of the words in the window; None where there is none.
    """
    import numpy as np

    if not own:
        return None
    first = logits[[0, *(one[1] for one in own)], 0].astype(np.float64)
    last = logits[[0, *(one[2] for one in own)], 1].astype(np.float64)
    start, end = first[1:], last[1:]
    most, at = -np.inf, (0, 0)
    for length in range(min(LONGEST, len(own))):
        sums = start[: len(own) - length] + end[length:]
        place = int(sums.argmax())
        if sums[place] > most:
            most, at = float(sums[place]), (place, place + length)
    total = np.logaddexp.reduce(first) + np.logaddexp.reduce(last)
    none = float(first[0] + last[0])
    return Best(
        odds=most - none,
        start=words[own[at[0]][0]][0],
        end=words[own[at[1]][0]][1],
        score=float(np.exp(most - total)),
        none=float(np.exp(none - total)),
    )


def answer_of(context: str, bests: Sequence[Best | None], *, unanswerable: bool) -> dict[str, Any]:
    """The answer of a row from the best runs of its windows."""
    some = [best for best in bests if best is not None]
    best = max(some, default=None)
    if best is None or (unanswerable and best.odds < 0):
        return {"answer": "", "start": 0, "end": 0, "score": min((one.none for one in some), default=0.0)}
    text = context[best.start : best.end]
    return {"answer": text, "start": best.start, "end": best.end, "score": best.score}


def _well_formed(text: str) -> str:
    # JSON can carry half of a surrogate pair, which the tokenizer refuses for the whole batch.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
