"""Texts as windows of token ids, and the tokens in them by which words are judged.

The same alignment that runtimes have: each word counts once, in the window in which it stands farthest from
an end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.runtime import length_batches
from slmworks.model_tasks.word_windows import Place, Span, places_of, windowing, windows_of, words_of
from slmworks_torch.batches import Encoded

if TYPE_CHECKING:
    import torch
    from slmworks_torch.hf_folder import TextNetwork
    from slmworks_torch.losses import Loss
    from slmworks_torch.networks import Forward


@dataclass(frozen=True)
class WordWindows:
    """Texts cut into windows, and the words of all texts, numbered from 0 on."""

    encoded: Encoded
    """The windows."""
    texts: list[tuple[list[Span], list[Place | None]]]
    """Words of each text, and their places."""
    tokens: list[list[int]]
    """Of each window, the first token of the words that count there …"""
    words: list[list[int]]
    """… and the numbers of these words."""

    @property
    def total(self) -> int:
        """Words of all texts."""
        return sum(len(words) for words, _ in self.texts)

    def picked(self, outputs: "torch.Tensor", batch: Sequence[int]) -> "tuple[torch.Tensor, list[int]]":
        """Of outputs [windows, tokens, width] those of words, [words, width], and the words' numbers."""
        rows = [row for row, window in enumerate(batch) for _ in self.tokens[window]]
        columns = [token for window in batch for token in self.tokens[window]]
        return outputs[rows, columns], [word for window in batch for word in self.words[window]]

    def outputs(
        self,
        net: Any,
        forward: "Forward",
        *,
        size: int = 64,
        tell: Callable[[int], None] = lambda _done: None,
    ) -> "torch.Tensor":
        """Run a network on all windows; float32 [words, width]; `tell(windows done)` after each batch.

        Zeros for words without a token.
        """
        import torch

        net.eval()
        found, done = torch.zeros(self.total, 0), 0
        with torch.inference_mode():
            for batch in length_batches(self.encoded.lengths, size, longest_first=True):
                made, words = self.picked(forward(net, self.encoded.batch(batch, net.device)), batch)
                if not found.shape[1]:
                    found = torch.zeros(self.total, made.shape[1])
                found[words] = made.float().cpu()
                done += len(batch)
                tell(done)
        return found


def windows(network: "TextNetwork", texts: Sequence[str]) -> WordWindows:
    """Texts as windows of the length that a network reads."""
    tokenizer = windowing(network.tokenizer, network.max_length)
    tokenizer.no_padding()
    ids: list[list[int]] = []
    placed: list[tuple[list[Span], list[Place | None]]] = []
    tokens: list[list[int]] = []
    numbers: list[list[int]] = []
    done = 0
    for text, encoded in zip(texts, tokenizer.encode_batch(list(texts)), strict=True):
        own, words, base = windows_of(encoded), words_of(text), len(ids)
        places = places_of(words, own)
        ids += [window.ids for window in own]
        tokens += [[] for _ in own]
        numbers += [[] for _ in own]
        for word, place in enumerate(places):
            if place is not None:
                tokens[base + place.window].append(place.first)
                numbers[base + place.window].append(done + word)
        placed.append((words, places))
        done += len(words)
    return WordWindows(Encoded(ids, network.pad), placed, tokens, numbers)


def at_words(own: WordWindows, loss: "Loss") -> "Loss":
    """A loss over words and their numbers, for the outputs of windows; 0 for windows without a word."""

    def of_windows(outputs: "torch.Tensor", batch: list[int]) -> "torch.Tensor":
        found, words = own.picked(outputs, batch)
        return loss(found, words) if words else outputs.sum() * 0

    return of_windows
