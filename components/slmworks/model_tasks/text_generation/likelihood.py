"""How likely a model finds an answer: which tokens count, and their log-likelihood from logits.

What counts is the answer's tokens behind the prompt, as the model would generate them, and the end. An answer
ends with any of several tokens, so the end's probability is the sum over them. The answer's text is taken as
the data have it: a model whose template puts blanks around answers finds it a little less likely.
"""

from collections.abc import Sequence
from math import isfinite, log
from typing import TYPE_CHECKING, Any, Protocol

from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.generation import Continuation
from slmworks.contract.model_task import Answer, Row
from slmworks.contract.runtime import Likelihood
from slmworks.model_tasks.text_generation import prompt

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

BYTES = 100
"""Length of one more row that a gate imagines: a short answer, in bytes."""
TOKENS = 25
"""The same in tokens."""
UNKNOWING = log(50_000)
"""Nats a token of a model that knows nothing, with a vocabulary of 50,000."""


def bits_and_bytes(row: Row, answer: Answer) -> tuple[float, ...]:
    """(bits that the true answer takes, its end included; bytes of the answer in UTF-8)."""
    return (answer["likelihood"]["nll"] / log(2), float(len(str(row["completion"]).encode())))


def nats_and_tokens(_row: Row, answer: Answer) -> tuple[float, ...]:
    """(nats that the true answer takes, tokens), its end included."""
    return (answer["likelihood"]["nll"], float(answer["likelihood"]["tokens"]))


def preferred(_row: Row, answer: Answer) -> tuple[float, ...]:
    """(1, 1) where the true answer is likelier, as a whole, than the rejected one."""
    return (float(answer["likelihood"]["nll"] < answer["rejected"]["nll"]), 1.0)


def quotient(sums: "Array") -> "Array":
    """Sums [..., (amount, units)] to amounts a unit; 0 where there is no unit."""
    import numpy as np

    return np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1e-12))


def perplexity(sums: "Array") -> "Array":
    """Sums [..., (nats, tokens)] to perplexities; at most the exponential of 700."""
    import numpy as np

    return np.exp(np.minimum(quotient(sums), 700.0))


def target(rendered: tuple[str, bool], completion: str, encode: "Encode") -> tuple[list[int], list[int]]:
    """Token ids of a prompt, rendered as `prompt.prompt` gives it, and of the answer behind it.

    Prompt and answer are encoded together where that leaves the prompt's tokens as they are. Where a token
    would reach over the border, the answer is encoded alone: the model is given the prompt's own tokens.
    """
    asked, templated = rendered
    ids, both = (encode(text, around=not templated) for text in (asked, asked + completion))
    whole = both[: len(ids)] == ids and len(both) > len(ids)
    return ids, both[len(ids) :] if whole else encode(completion, around=False)


def require_room(prompt_tokens: int, answer_tokens: int, context: int) -> None:
    """BadRequest for an empty prompt, and for a prompt and an answer that don't fit the model's context."""
    prompt.room(prompt_tokens, context, 1)
    if context and prompt_tokens + answer_tokens > context:
        raise BadRequest(
            f"a prompt of {prompt_tokens} tokens and its true answer of {answer_tokens} don't fit the "
            f"{context} that the model reads; leave such rows out in curate (max_tokens), or set "
            "`likelihood: false`."
        )


class Encode(Protocol):
    """Token ids of a text."""

    def __call__(self, text: str, *, around: bool) -> list[int]:
        """`around`: with the tokens that come around a text by themselves."""


class Sum:
    """The log-likelihood of an answer, added up from logits as they come.

    A model without a token that ends an answer is judged by the answer alone.
    """

    def __init__(self, answer: Sequence[int], ends: Sequence[int]) -> None:
        """`answer`: the answer's tokens without an end; `ends`: tokens that end one."""
        self._wanted = [[token] for token in answer] + ([list(ends)] if ends else [])
        self._nll, self._place, self._greedy = 0.0, 0, True

    def add(self, logits: "Array") -> None:
        """The next logits, float32 [places, vocabulary]; the very first stand before the answer."""
        import numpy as np

        for row in logits[: len(self._wanted) - self._place]:
            exact = row.astype(np.float64)
            exact -= exact.max()
            wanted = exact[self._wanted[self._place]]
            self._greedy &= bool(wanted.max() == 0)
            with np.errstate(all="ignore"):  # what is no number is refused in the end
                self._nll += float(np.log(np.exp(exact).sum()) - np.logaddexp.reduce(wanted))
            self._place += 1

    def likelihood(self) -> Likelihood:
        """The sum over the answer and its end; TaskFailed where it is no number."""
        if self._place != len(self._wanted):
            raise ValueError(f"logits of {self._place} places for {len(self._wanted)} tokens")
        if not isfinite(self._nll):
            raise TaskFailed("the model's outputs are no numbers (NaN or infinite); its weights are damaged.")
        return Likelihood(self._nll, len(self._wanted))

    def continuation(self) -> Continuation:
        """The sum, and whether each token was the likeliest; for an answer without an end."""
        return Continuation(self.likelihood().nll, self._greedy)
