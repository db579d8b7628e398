"""A teacher's k likeliest next tokens at each learnt place of a row, as a ledger keeps them.

Log-probabilities are float16, rounded towards minus infinity: so the k together never exceed what they were,
and what rounding takes from them goes to the rest, which is not kept: it is 1 less their sum, and never
negative. Ids are uint16, uint32 for vocabularies of more than 65,536 tokens.

In an entry ids stand as they are, since LZMA finds tokens that come again. Log-probabilities are the steps of
their float16 codes from one rank to the next, high and low bytes apart, rank after rank. On answers of
SmolLM2-135M at k = 16 a place takes 24.2 bytes of ids and 17.6 of log-probabilities then, of 64. Ids in order
of their number, or with their bytes apart, take 2 to 6 more, log-probabilities as they are 6 more.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.ledger import Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    import torch

SMALL = 1 << 16
"""Most tokens of a vocabulary whose ids are uint16."""
SIGN = 0x7FFF
"""Mask of a float16's bits without its sign, which all log-probabilities share."""
LARGEST = 2.0**15
"""Log-probabilities below -2^15, of tokens that a network rules out, are kept as that."""
IDS, HIGH, LOW = "ids", "step_high", "step_low"
"""Columns of an entry."""


@dataclass(frozen=True)
class TopK:
    """The k likeliest tokens of some places, the likeliest first."""

    ids: "NDArray[Any]"
    """uint16 or uint32 [places, k]."""
    logprobs: "NDArray[np.float16]"
    """float16 [places, k], natural logarithms: below 0, and falling."""

    def entry(self) -> Entry:
        """As the ledger keeps them."""
        import numpy as np

        code = self.logprobs.view(np.uint16) & np.uint16(SIGN)
        steps = np.diff(code, axis=1, prepend=np.uint16(0)).T
        columns = {
            IDS: self.ids.astype(self.ids.dtype.newbyteorder("<")).tobytes(),
            HIGH: (steps >> 8).astype(np.uint8).tobytes(),
            LOW: (steps & 0xFF).astype(np.uint8).tobytes(),
        }
        return Entry(columns, len(self.ids))

    @classmethod
    def of_entry(cls, entry: Entry) -> "TopK":
        """From the ledger, the same to the bit."""
        import numpy as np

        high, low = (np.frombuffer(entry.columns[name], np.uint8).astype(np.uint16) for name in (HIGH, LOW))
        steps = (high << 8 | low).reshape(-1, entry.tokens).T
        code = np.cumsum(steps, axis=1, dtype=np.uint16)
        wide = len(entry.columns[IDS]) // high.size
        ids = np.frombuffer(entry.columns[IDS], f"<u{wide}").astype(f"u{wide}")
        return cls(ids.reshape(code.shape), (code | np.uint16(SIGN + 1)).view(np.float16))


def of_logits(logits: "torch.Tensor", k: int) -> TopK:
    """From logits [places, vocabulary] of a teacher, at temperature 1."""
    import numpy as np

    found = logits.float().log_softmax(dim=1).topk(k, dim=1)
    kind: Any = np.uint16 if logits.shape[1] <= SMALL else np.uint32
    return TopK(found.indices.cpu().numpy().astype(kind), rounded_down(found.values.cpu().numpy()))


def rounded_down(logprobs: "NDArray[np.float32]") -> "NDArray[np.float16]":
    """The next float16 that is not larger, and below 0 in any case."""
    import numpy as np

    exact = np.clip(logprobs, -LARGEST, -np.finfo(np.float16).smallest_subnormal)
    near = exact.astype(np.float16)
    found: NDArray[np.float16] = np.where(
        near.astype(np.float32) > exact, np.nextafter(near, np.float16(-np.inf)), near
    )
    return found
