"""Questions and contexts as windows of token ids, and the words in them that answers are made of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import length_batches
from slmworks.model_tasks.question_answering.reader import Pairs
from slmworks.model_tasks.word_windows import Place, Span, places_of, windows_of, words_in, words_of
from slmworks_torch.batches import Encoded
from slmworks_torch.rows import Rows

if TYPE_CHECKING:
    import numpy as np

    import torch
    from slmworks_torch.hf_folder import TextNetwork

SHORTEST_PAIR = 32
"""Fewest tokens of a window: a question, a part of its context, and what stands between them."""
NOWHERE = -1e4
"""A logit of no weight."""
UNKNOWN = -1
"""The goal of a window that nobody has marked."""


@dataclass(frozen=True)
class AskedRows:
    """Questions of one split with their contexts and answers."""

    ids: list[str]
    questions: list[str]
    contexts: list[str]
    answers: list[list[dict[str, Any]] | None]
    """None: nobody has said."""

    def __len__(self) -> int:
        return len(self.ids)

    def __add__(self, other: "AskedRows") -> "AskedRows":
        """These rows, then the others."""
        return AskedRows(
            self.ids + other.ids,
            self.questions + other.questions,
            self.contexts + other.contexts,
            self.answers + other.answers,
        )

    @property
    def texts(self) -> Rows:
        """Question and context as one text, by which rows are told apart."""
        return Rows(self.ids, [f"{q}\0{c}" for q, c in zip(self.questions, self.contexts, strict=True)], [])

    @property
    def words(self) -> list[str]:
        """All different texts, for a vocabulary."""
        return list(dict.fromkeys([*self.questions, *self.contexts]))

    def asked_otherwise(self, altered: Rows) -> "AskedRows":
        """The same contexts with other questions, whose answers nobody knows."""
        return AskedRows(altered.ids, altered.texts, self.contexts, [None] * len(altered))


def asked_rows(data: Dataset, split: str) -> AskedRows:
    """The rows of a split with answers; BadRequest for none, or for a row whose answers nobody has said."""
    found = AskedRows(*data.columns(split, "id", "question", "context", "answers"))
    if not found.ids:
        raise BadRequest(f"data: the split '{split}' is empty; give the curate step more rows.")
    for identity, own in zip(found.ids, found.answers, strict=True):
        if own is None or not (own or data.meta.get("unanswerable")):
            raise BadRequest(
                f"data: row '{identity}' of the split '{split}' has no answer; drop it, move it to the split "
                "'transfer', or curate with unanswerable: true."
            )
    return found


def transfer_rows(data: Dataset, most: int | None) -> AskedRows:
    """At most `most` unanswered rows of `transfer`, by their ids alone; none where there is no such split."""
    if "transfer" not in data.splits or most == 0:
        return AskedRows([], [], [], [])
    ids, questions, contexts = data.columns("transfer", "id", "question", "context")
    kept = sorted(range(len(ids)), key=ids.__getitem__)[:most]
    return AskedRows(
        [ids[i] for i in kept], [questions[i] for i in kept], [contexts[i] for i in kept], [None] * len(kept)
    )


@dataclass(frozen=True)
class PairWindows:
    """Questions and contexts cut into windows, and the words of all contexts, numbered from 0 on."""

    encoded: Encoded
    rows: AskedRows
    spans: list[list[Span]]
    """The words of each context."""
    places: list[list[Place | None]]
    """The place of each of them; a window's number counts within its row."""
    row: list[int]
    """Of each window, its row."""
    own: list[list[tuple[int, int, int]]]
    """Of each window, the words in it (numbered within their context), with their first and last tokens."""
    goals: list[tuple[int, int]]
    """Of each window, places of first and last word of the answer among `own`, from 1; 0: none is in it."""

    @property
    def starts(self) -> list[int]:
        """Number of the first word of each context among those of all, and of all words."""
        found = [0]
        for words in self.spans:
            found.append(found[-1] + len(words))
        return found

    def choices(self, outputs: "torch.Tensor", batch: Sequence[int]) -> "tuple[torch.Tensor, torch.Tensor]":
        """Of outputs [windows, tokens, 2] the logits of no answer and of each word, and which are real.

        Float [windows, 2, 1 + words], the first words then the last ones, and bool [windows, 1 + words].
        """
        import torch

        most = max(len(self.own[window]) for window in batch)
        places = torch.zeros((len(batch), 2, 1 + most), dtype=torch.int64)
        real = torch.zeros((len(batch), 1 + most), dtype=torch.bool)
        for row, window in enumerate(batch):
            own = self.own[window]
            real[row, : 1 + len(own)] = True
            if own:
                _, first, last = zip(*own, strict=True)
                places[row, 0, 1 : 1 + len(own)] = torch.tensor(first)
                places[row, 1, 1 : 1 + len(own)] = torch.tensor(last)
        found = outputs.transpose(1, 2).gather(2, places.to(outputs.device))
        mask = real.to(outputs.device)
        return found.masked_fill(~mask[:, None], NOWHERE), mask

    def outputs(
        self, net: Any, *, size: int = 32, tell: Callable[[int], None] = lambda _done: None
    ) -> "Iterator[tuple[int, np.ndarray[Any, Any]]]":
        """Run a network on all windows: number and logits [tokens, 2] of each, the longest first."""
        import torch

        net.eval()
        done = 0
        with torch.inference_mode():
            for batch in length_batches(self.encoded.lengths, size, longest_first=True):
                made = ends(net, self.encoded.batch(batch, net.device)).float().cpu().numpy()
                yield from zip(batch, made, strict=True)
                done += len(batch)
                tell(done)


def windows(network: "TextNetwork", rows: AskedRows) -> PairWindows:
    """Questions and contexts as windows of the length that a network reads; BadRequest for too short ones."""
    if network.max_length < SHORTEST_PAIR:
        raise BadRequest(
            f"max_length: {network.max_length} tokens are too few for a question and a part of its context; "
            f"make it {SHORTEST_PAIR} at least."
        )
    pairs = Pairs(network.tokenizer, network.max_length)
    network.tokenizer.no_padding()
    asked = [
        {"question": question, "context": context}
        for question, context in zip(rows.questions, rows.contexts, strict=True)
    ]
    ids: list[list[int]] = []
    made = PairWindows(Encoded(ids, network.pad), rows, [], [], [], [], [])
    for number, encoded in enumerate(pairs.encode(asked)):
        cut, words = windows_of(encoded), words_of(rows.contexts[number])
        made.spans.append(words)
        made.places.append(places_of(words, cut, part=1))
        for window in cut:
            own = list(words_in(words, window, part=1))
            ids.append(window.ids)
            made.row.append(number)
            made.own.append(own)
            made.goals.append(_goal(words, own, rows.answers[number]))
    return made


def _goal(
    words: Sequence[Span], own: Sequence[tuple[int, int, int]], answers: Sequence[Mapping[str, Any]] | None
) -> tuple[int, int]:
    """Places of the answer's words in a window; of several right answers the first one is learnt."""
    if answers is None:
        return UNKNOWN, UNKNOWN
    if not answers:
        return 0, 0
    start, end = int(answers[0]["start"]), int(answers[0]["start"]) + len(answers[0]["text"])
    wanted = [word for word, span in enumerate(words) if span[0] < end and start < span[1]]
    place = {word: number for number, (word, _, _) in enumerate(own, start=1)}
    if not wanted or wanted[0] not in place or wanted[-1] not in place:
        return 0, 0
    return place[wanted[0]], place[wanted[-1]]


def ends(net: Any, inputs: "Mapping[str, torch.Tensor]") -> "torch.Tensor":
    """A reader's output for one batch, [windows, tokens, 2]."""
    import torch

    found = net(**inputs)
    return torch.stack((found.start_logits, found.end_logits), dim=2)
