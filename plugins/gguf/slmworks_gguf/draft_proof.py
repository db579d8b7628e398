"""Greedy answers of a GGUF model with a draft and without, in turns: texts, guesses that hold, speed.

A draft's guesses are computed as one batch, whose sums are rounded in another order than those of one token
at a time, so two tokens that are nearly as likely may change places. With quantized matrices, whose inputs
are rounded to 8 bits as well, log-probabilities of likely tokens differed by up to 0.18 nats (SmolLM2-135M,
q8_0); with float32 by 0.00001.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.drafts import DraftProof
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation.prompt import room
from slmworks.model_tasks.text_generation.scope import MEAN_LOGPROB, AnswerScope
from slmworks_gguf.draft import require_fit
from slmworks_gguf.streaming import GgufStreaming

if TYPE_CHECKING:
    from slmworks.contract.artifact import Model

NEAR = 0.5
"""Nats between two tokens up to which rounding may have them change places."""
CANDIDATES = 20
"""Likeliest tokens that are looked at where two texts part."""


class GgufDrafting(GgufStreaming):
    """The part of a GGUF runtime that a draft is proved with; a release doesn't carry it."""

    @classmethod
    def require_draft(cls, model: "Model", draft: "Model") -> None:
        """BadRequest for one of another format, a model whose scope it would move, and as `require_fit`."""
        if draft.format != "gguf":
            raise BadRequest(
                f"draft: it is a model of format '{draft.format}'; write it as GGUF first (stage: quantize, "
                "uses: gguf, type: q4_0)."
            )
        scope = AnswerScope.read(model.path, refused=BadRequest)
        if scope is not None and scope.score == MEAN_LOGPROB:
            raise BadRequest(
                f"draft: the model's threshold of scope is for {MEAN_LOGPROB}, and with a draft llama.cpp "
                "gives other log-probabilities; leave the draft out, or take another score (export/scope)."
            )
        require_fit(model.path, draft.path)

    @classmethod
    def prove_draft(cls, model: "Model", draft: "Model", rows: Sequence[Row], *, threads: int) -> DraftProof:
        """Answer each row without and with the draft; TaskFailed for a text that differs by no near tie."""
        cls.require_draft(model, draft)
        plain, drafted = _Arm(cls(model.path, threads)), _Arm(cls(model.path, threads, draft=draft.path))
        equal, widest = 0, 0.0
        for number, row in enumerate(rows, 1):
            if plain.answer(row) == drafted.answer(row):
                equal += 1
                continue
            gap = _gap(plain.tokens(row), drafted.tokens(row))
            if gap > NEAR:
                raise TaskFailed(
                    f"draft: the answer to row {number} of {len(rows)} is another text with it, and where "
                    f"they part the model finds its own token {gap:.2g} nats likelier, which no rounding "
                    "explains; leave the draft out."
                )
            widest = max(widest, gap)
        return DraftProof(
            rows=len(rows),
            equal=equal,
            widest_tie=widest,
            guessed=drafted.guessed,
            accepted=drafted.accepted,
            tokens_per_second=drafted.rate,
            plain_tokens_per_second=plain.rate,
        )


@dataclass
class _Arm:
    """A loaded model, and what its answers took."""

    runtime: GgufStreaming
    written: int = 0
    """Tokens behind the first one of each answer."""
    seconds: float = 0.0
    guessed: int = 0
    accepted: int = 0

    @property
    def rate(self) -> float:
        """Tokens a second; 0 where no answer had a second token."""
        return self.written / self.seconds if self.seconds else 0.0

    def answer(self, row: Row) -> dict[str, Any]:
        """The answer, counted."""
        found = self._asked(row)
        took = found["timings"]
        self.written += int(took["predicted_n"]) - 1
        self.seconds += float(took["predicted_ms"]) / 1000
        self.guessed += int(took.get("draft_n", 0))
        self.accepted += int(took.get("draft_n_accepted", 0))
        return self.runtime.answered(found)

    def tokens(self, row: Row) -> list[Mapping[str, Any]]:
        """The tokens of the answer: `id`, `logprob`, and `top_logprobs`, the likeliest ones there."""
        (said,) = self._asked(row, logprobs=CANDIDATES)["choices"]
        return list(said["logprobs"]["content"])

    def _asked(self, row: Row, **more: Any) -> dict[str, Any]:
        ids = self.runtime.encode(row)
        most = room(len(ids), self.runtime.context, self.runtime.most)
        return self.runtime.complete(row, ids, most, **more)


def _gap(plain: Sequence[Mapping[str, Any]], drafted: Sequence[Mapping[str, Any]]) -> float:
    """Nats by which the first token of `plain` that `drafted` hasn't is the likelier one; inf if by far.

    0 where asking again gives equal tokens: then rounding is all that there was.
    """
    for ours, theirs in zip(plain, drafted, strict=False):
        if ours["id"] != theirs["id"]:
            known = {one["id"]: float(one["logprob"]) for one in ours["top_logprobs"]}
            return max(0.0, known.get(ours["id"], 0.0) - known.get(theirs["id"], -math.inf))
    return 0.0
