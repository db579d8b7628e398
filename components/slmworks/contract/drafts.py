"""Drafts: smaller models that guess tokens ahead of the one that answers, which keeps what is its own.

The text is that of the model alone (Leviathan et al., 2023). It's a matter of speed, so a draft takes no
part in what is judged and approved: it is proved where it is put to use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row

__all__ = ["DraftProof", "Drafting", "drafting"]


@dataclass(frozen=True)
class DraftProof:
    """Greedy answers with a draft beside those without, one row after the other."""

    rows: int
    equal: int
    """Answers that are the same text."""
    widest_tie: float
    """Nats by which the model finds its own token the likelier one where two texts part; the largest of them.
    0 where all are equal."""
    guessed: int
    accepted: int
    """Of the guessed tokens those that are the model's own."""
    tokens_per_second: float
    """Of answers behind their first token, with the draft."""
    plain_tokens_per_second: float
    """The same without it."""

    @property
    def speedup(self) -> float:
        """How many times as fast answers are with the draft: up to 1 it doesn't pay.

        1 where no answer is longer than a token.
        """
        plain = self.plain_tokens_per_second
        return self.tokens_per_second / plain if plain else 1.0

    @property
    def acceptance(self) -> float:
        """Share of the guessed tokens that were accepted; 0 where none was guessed."""
        return self.accepted / self.guessed if self.guessed else 0.0


@runtime_checkable
class Drafting(Protocol):
    """A runtime whose model may have a smaller one guess tokens ahead (`Slots.draft`)."""

    @classmethod
    def require_draft(cls, model: Model, draft: Model) -> None:
        """BadRequest, with the way out, for a model that can't guess for another; loads neither."""

    @classmethod
    def prove_draft(cls, model: Model, draft: Model, rows: Sequence[Row], *, threads: int) -> DraftProof:
        """Answer rows with and without the draft, in turns.

        BadRequest as `require_draft`; TaskFailed where a text parts from the plain one at a token that is no
        near tie.
        """


def drafting(runtime: type, model: Model) -> type[Drafting]:
    """The runtime of a model as one that takes drafts; BadRequest where it takes none."""
    if not issubclass(runtime, Drafting):
        raise BadRequest(
            f"draft: a model of format '{model.format}' is computed without one, since its runtime guesses "
            "no tokens ahead; leave the draft out."
        )
    return runtime
