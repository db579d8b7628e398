"""Words of a text, and where their tokens are: for model tasks whose answers are made of words.

A text longer than the model reads is computed in windows that overlap; each word counts in the window in
which it stands farthest from an end. Needs numpy, onnxruntime and tokenizers, and nothing else of slmworks:
releases and edge bundles carry a copy of this text in front of their runtime's.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from slmworks.model_tasks.onnx_text import encodings, graph_inputs, open_session, open_tokenizer

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Encoding, Tokenizer

    Compute = Callable[[Mapping[str, np.ndarray[Any, Any]]], np.ndarray[Any, Any]]
    """From `input_ids` and `attention_mask`, int64 [windows, tokens], to float32 [windows, tokens, width]."""

WITHOUT_BLANKS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Scripts without blanks between words (Thai, Lao, Burmese, Khmer, Chinese, Japanese): a sign is a word."""
WORD = re.compile(rf"[{WITHOUT_BLANKS}]|[^\W{WITHOUT_BLANKS}]+|[^\w\s]")
TOGETHER = 32
"""Windows that are computed at once, at most."""

Span = tuple[int, int]
"""Start and end in a text, in characters; the end is the first character behind."""


class Place(NamedTuple):
    """Where the tokens of a word are."""

    window: int
    first: int
    """Its first token in the window."""
    last: int


class Read(NamedTuple):
    """A text as a model read it."""

    words: list[Span]
    places: list[Place | None]
    """Of each word; None for one without a token of its own."""
    windows: "list[np.ndarray[Any, Any]]"
    """What the graph computed for every token of each window, float32 [tokens, width]."""


def words_of(text: str) -> list[Span]:
    """The words and punctuation marks of a text, from left to right."""
    return [found.span() for found in WORD.finditer(text)]


def overlap_of(max_length: int) -> int:
    """Tokens that a window has in common with the one before it."""
    return max_length // 4


def windowing(tokenizer: "Tokenizer", max_length: int, *, pairs: bool = False) -> "Tokenizer":
    """The tokenizer, set to give windows of `max_length` tokens; of `pairs`, the second text is cut up."""
    strategy = "only_second" if pairs else "longest_first"
    tokenizer.enable_truncation(max_length, stride=overlap_of(max_length), strategy=strategy)
    return tokenizer


def windows_of(encoded: "Encoding") -> "list[Encoding]":
    """The windows of a text or pair, from left to right."""
    return [encoded, *encoded.overflowing]


def places_of(words: Sequence[Span], windows: "Sequence[Encoding]", *, part: int = 0) -> list[Place | None]:
    """The place of each word of a text; `part`: 1 for the second text of a pair."""
    best: list[Place | None] = [None] * len(words)
    depth = [-1] * len(words)
    for number, window in enumerate(windows):
        sequence = window.sequence_ids
        tokens = [i for i, one in enumerate(sequence) if one == part]
        if not tokens:
            continue
        low = -len(sequence) if number == 0 else tokens[0]
        high = 2 * len(sequence) if number == len(windows) - 1 else tokens[-1]
        for word, first, last in words_in(words, window, part=part):
            inside = min(first - low, high - last)
            if inside > depth[word]:
                best[word], depth[word] = Place(number, first, last), inside
    return best


def words_in(words: Sequence[Span], window: "Encoding", *, part: int = 0) -> Iterator[tuple[int, int, int]]:
    """Word, first and last token of those words that have tokens in a window; `part` as in `places_of`."""
    offsets, tokens, at = window.offsets, [i for i, one in enumerate(window.sequence_ids) if one == part], 0
    for word, (start, end) in enumerate(words):
        while at < len(tokens) and offsets[tokens[at]][1] <= start:
            at += 1
        last = at
        while last < len(tokens) and offsets[tokens[last]][0] < end:
            last += 1
        own = [i for i in tokens[at:last] if offsets[i][0] < offsets[i][1]]
        if own:
            yield word, own[0], own[-1]


def read(tokenizer: "Tokenizer", texts: Sequence[str], compute: "Compute") -> list[Read]:
    """Compute texts, all as one batch, by a tokenizer that gives windows."""
    return read_encoded(encodings(tokenizer, texts), texts, compute)


def read_encoded(
    encoded: "Sequence[Encoding]", texts: Sequence[str], compute: "Compute", *, part: int = 0
) -> list[Read]:
    """Compute encoded texts, padded to one length; `part`: 1 where `texts` are the second of pairs."""
    cut = [windows_of(one) for one in encoded]
    flat = [window for windows in cut for window in windows]
    computed: list[np.ndarray[Any, Any]] = []
    for start in range(0, len(flat), TOGETHER):
        computed += list(compute(graph_inputs(flat[start : start + TOGETHER])))
    found, done = [], 0
    for text, windows in zip(texts, cut, strict=True):
        words = words_of(text)
        places = places_of(words, windows, part=part)
        found.append(Read(words, places, computed[done : (done := done + len(windows))]))
    return found


def at_words(one: Read, *, last: bool = False) -> "np.ndarray[Any, Any]":
    """What was computed for the first (or the last) token of each word, float32 [words, width].

    Zeros for a word without a token.
    """
    import numpy as np

    values = np.zeros((len(one.places), one.windows[0].shape[-1]), np.float32)
    for word, place in enumerate(one.places):
        if place is not None:
            values[word] = one.windows[place.window][place.last if last else place.first]
    return values


def softmax(logits: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Turn logits [rows, choices] into probabilities, without overflow for large logits."""
    import numpy as np

    if not logits.size:
        return logits
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


class OnnxWindows:
    """`model.onnx` and `tokenizer.json` of a folder, loaded once; computes from any thread."""

    def __init__(self, folder: str | Path, max_length: int, threads: int = 1, *, pairs: bool = False) -> None:
        """Load the model to compute with `threads` threads, in windows of `max_length` tokens."""
        self.tokenizer = windowing(open_tokenizer(folder, max_length), max_length, pairs=pairs)
        self._session = open_session(Path(folder) / "model.onnx", threads)
        self._inputs = [port.name for port in self._session.get_inputs()]
        (self._output,) = [port.name for port in self._session.get_outputs()]

    def compute(self, batch: "Mapping[str, np.ndarray[Any, Any]]") -> "np.ndarray[Any, Any]":
        """The graph's output for a batch, float32 [windows, tokens, width]."""
        import numpy as np

        (found,) = self._session.run([self._output], {name: batch[name] for name in self._inputs})
        return np.asarray(found, np.float32)
