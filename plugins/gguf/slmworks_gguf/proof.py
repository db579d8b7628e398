"""Proof that a Hugging Face folder and a GGUF file are one model: token ids, log-probabilities, greedy text.

The GGUF side is llama.cpp's. It says its likeliest continuations; torch then computes the same tokens in one
pass. By induction torch's own greedy text is the same where, at every step, its likeliest token is the one
that llama.cpp took.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import TaskFailed
from slmworks.model_tasks.text_generation.divergence import (
    BEGINNINGS,
    STEPS,
    log_softmax,
    mean_divergence,
    torch_logits,
)
from slmworks_gguf import gguf_file, gguf_metadata, texts
from slmworks_gguf.llama_cpp import LlamaCpp, opened
from slmworks_gguf.memory import give_back

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

    _Array = np.ndarray[Any, Any]

SPECIAL = 32
"""Special tokens that are tried in the middle of a text."""


@dataclass(frozen=True)
class Proof:
    """What was compared, and how far it was apart."""

    texts: int
    """Texts whose token ids were equal, for tokenizer.json and for what transformers makes of the folder."""
    text_tokens: int
    positions: int
    """Places at which all log-probabilities were compared."""
    difference: float
    """Largest difference of a log-probability of any token, in nats."""
    greedy_tokens: int
    """Tokens of greedy text."""
    greedy_equal: int
    """Those of them that both took."""
    margin: float
    """How much likelier, in nats, torch found its own choice where it took another; 0 where it took none."""
    drift: float = 0.0
    """Mean divergence, in nats a token, of the folder from the file that it was read from."""

    def summary(self) -> dict[str, float]:
        """Numbers for people."""
        return {
            "proof_texts": self.texts,
            "proof_text_tokens": self.text_tokens,
            "proof_positions": self.positions,
            "proof_logprob_difference": self.difference,
            "proof_greedy_tokens": self.greedy_tokens,
            "proof_greedy_equal": self.greedy_equal,
            **({"proof_drift": self.drift} if self.drift else {}),
        }


@dataclass(frozen=True)
class Encoding:
    """A text as a Hugging Face tokenizer has it."""

    text: str
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    by: str
    """Whose tokenizer."""


@dataclass(frozen=True)
class Continuation:
    """What llama.cpp made of a beginning."""

    ids: tuple[int, ...]
    """Tokens of the beginning and the continuation, without the last one."""
    following: tuple[int, ...]
    """Its greedy tokens."""
    logits: "_Array"
    """float32 [len(ids), vocabulary]."""


def encoded(tokenizer: "Tokenizer", *, by: str = "tokenizer.json") -> list["Encoding"]:
    """The built-in texts as a tokenizer has them.

    A tokenizer that composes Unicode is given the decomposed texts composed: llama.cpp takes a text as it
    comes.
    """
    normalizer = tokenizer.normalizer
    composed = [normalizer.normalize_str(text) if normalizer else text for text in texts.DECOMPOSED]
    known = sorted(tokenizer.get_added_tokens_decoder().items())[:SPECIAL]
    marked = [f"a {token.content} b{token.content}\n{token.content}" for _, token in known]
    return [
        Encoding(text, tuple(said.ids), tuple(said.tokens), by)
        for text in (*texts.COMPOSED, *composed, *marked)
        for said in (tokenizer.encode(text),)
    ]


def same_tokens(ours: Sequence["Encoding"], llama: LlamaCpp, *, at: str) -> tuple[int, int]:
    """Compare token ids with llama.cpp's; returns how many texts and tokens are equal.

    TaskFailed at the first text that differs.
    """
    for one in ours:
        theirs = llama.encode(one.text)
        if tuple(theirs) != one.ids:
            raise TaskFailed(f"{at}: {_unequal(one, [llama.piece(token) for token in theirs])}")
    return len(ours), sum(len(one.ids) for one in ours)


def _unequal(ours: Encoding, theirs: Sequence[str]) -> str:
    pairs = enumerate(zip(ours.tokens, theirs, strict=False))
    place = next((i for i, (one, other) in pairs if one != other), min(len(ours.tokens), len(theirs)))
    shown = slice(place, place + 3)
    return (
        f"the text {ours.text!r} has {len(ours.ids)} tokens in {ours.by} and {len(theirs)} in llama.cpp, "
        f"different from number {place + 1} on ({_shown(ours.tokens[shown])} and {_shown(theirs[shown])}); "
        "what is trained on one cannot be served by the other."
    )


def _shown(tokens: Iterable[str]) -> str:
    return " ".join(map(repr, tokens)) or "none"


def continuations(llama: LlamaCpp, *, steps: int = STEPS) -> list[Continuation]:
    """llama.cpp's greedy text behind each built-in beginning, as far as its window goes."""
    found = []
    for prompt in BEGINNINGS:
        ids = llama.encode(prompt)[: llama.window - steps]
        following, logits = llama.greedy(ids, steps)
        found.append(Continuation((*ids, *following[:-1]), tuple(following), logits))
    return found


def compare(said: Sequence[Continuation], network: Any, tokens: tuple[int, int]) -> Proof:
    """Compute llama.cpp's texts with a torch network (`forward(input_ids).logits`)."""
    import numpy as np

    positions = greedy = equal = 0
    difference = margin = 0.0
    for one in said:
        taken = (*[None] * (len(one.ids) - len(one.following)), *one.following)
        for token, (ours, theirs) in zip(taken, _rows(network, one), strict=True):
            # `maximum` keeps a NaN, `max` may not.
            difference = float(np.maximum(difference, np.abs(ours - theirs).max()))
            positions += 1
            if token is not None:
                greedy, equal = greedy + 1, equal + int(ours.argmax() == token)
                margin = float(np.maximum(margin, ours.max() - ours[token]))
    return Proof(*tokens, positions, difference, greedy, equal, margin)


def divergence(said: Sequence[Continuation], network: Any) -> float:
    """Kullback-Leibler divergence of a torch network from what llama.cpp said, the mean over all places."""
    return mean_divergence((one.logits, torch_logits(network, one.ids)) for one in said)


def _rows(network: Any, said: Continuation) -> Iterator[tuple["_Array", "_Array"]]:
    """Log-probabilities of every token, torch's and llama.cpp's, place by place."""
    for ours, theirs in zip(torch_logits(network, said.ids), said.logits, strict=True):
        yield log_softmax(ours), log_softmax(theirs)


def require(proof: Proof, tolerance: float, *, at: str) -> None:
    """TaskFailed where log-probabilities, or the choice of a token, differ by more than `tolerance` nats."""
    # Written so that a NaN fails too.
    if not proof.difference <= tolerance:
        raise TaskFailed(
            f"{at}: llama.cpp's log-probabilities differ from torch's by {proof.difference:.2g} nats, more "
            f"than the tolerance {tolerance:.2g}; the file is not the same model."
        )
    if not proof.margin <= 2 * tolerance:
        raise TaskFailed(
            f"{at}: llama.cpp's greedy text leaves torch's by {proof.margin:.2g} nats; the file is not the "
            "same model."
        )


def prove(
    folder: Path,
    file: Path,
    original: Sequence[Continuation] = (),
    *,
    tolerance: float,
    threads: int,
    at: str,
) -> Proof:
    """Prove that the GGUF `file` is the model of the Hugging Face `folder`; TaskFailed if it isn't.

    `original`: what the file said that the folder was read from. The two networks are in memory one after the
    other.
    """
    from slmworks_gguf.network import load, templates, tokenizers_of

    if templates(folder) != gguf_metadata.templates(gguf_file.read(file)):
        raise TaskFailed(f"{at}: the chat templates of the file are not those of the Hugging Face folder.")
    ours = [one for by, tokenizer in tokenizers_of(folder).items() for one in encoded(tokenizer, by=by)]
    give_back()
    with opened(file, threads=threads) as llama:
        tokens = same_tokens(ours, llama, at=at)
        said = continuations(llama)
    give_back()
    network = load(folder, threads=threads)
    found = compare(said, network, tokens)
    require(found, tolerance, at=at)
    return replace(found, drift=divergence(original, network)) if original else found
