"""Checks of a causal language model before anything is trained: a fraction of a second, one line each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest, in_a_line
from slmworks_torch.causal import forward, layouts
from slmworks_torch.causal.examples import Examples

if TYPE_CHECKING:
    import torch

ROWS, TOKENS = 3, 24
"""Rows that are computed, and the tokens after which they are cut."""
TOLERANCE = 1e-3
"""Largest change of a logit, as a share of the range of the logits, that may come of rounding."""


def check(net: Any, examples: Examples, *, port: str) -> None:
    """BadRequest unless logits are numbers, and none depends on the tokens behind it."""
    few = _few(examples)
    try:
        alone = _alone(net, few)
        together = _together(net, few, [list(range(len(few)))])
    except Exception as error:
        # whatever a network raises: shapes of its layers are its own affair
        raise BadRequest(
            f"{port}: the network cannot compute a row of the data ({in_a_line(error, 120)}); take one that "
            "computes text from its ids alone (Llama, Qwen, Gemma, Phi, …)."
        ) from error
    if not alone.isfinite().all():
        raise BadRequest(
            f"{port}: a logit is no finite number, so model.safetensors holds a broken weight "
            "(NaN or infinity); take an earlier or another copy of the model."
        )
    cut = replace(few, ids=[ids[: start + 1] for ids, start in zip(few.ids, few.starts, strict=True)])
    firsts = _first_of_each(few)
    if _differ(_alone(net, cut), alone[firsts]) or _differ(together, alone):
        raise BadRequest(
            f"{port}: its answer changes with the tokens behind it, so it is no causal language model, or "
            "its configuration hides that it is one (is_decoder); give one that continues text."
        )


def packs(net: Any, examples: Examples) -> bool:
    """True if rows give the same logits one behind another in one line as alone."""
    few = _few(examples)
    try:
        found = forward_of(net, layouts.packed_batch(few, range(len(few)), net.device))
    except Exception:  # noqa: BLE001 - then it doesn't
        return False
    return not _differ(found, _alone(net, few))


def same_logits(net: Any, batch: layouts.Batch, other: layouts.Batch) -> bool:
    """True if rows have the same logits in another layout, and the network computes it at all."""
    wanted = forward_of(net, batch)
    try:
        found = forward_of(net, other)
    except Exception:  # noqa: BLE001 - then it doesn't
        return False
    return not _differ(found, wanted)


def forward_of(net: Any, batch: layouts.Batch) -> "torch.Tensor":
    """Logits [answers, vocabulary] without dropout or gradients; torch's random state stays as it is."""
    import torch

    with torch.inference_mode(), torch.random.fork_rng(devices=[]):
        return forward.logits(net.eval(), batch).float()


def _few(examples: Examples) -> Examples:
    """Beginnings of some rows, cut behind their first learnt tokens, of different lengths."""
    chosen = sorted(range(len(examples)), key=lambda row: (examples.lengths[row], row))[:ROWS]
    ids = []
    starts = []
    for number, row in enumerate(chosen):
        begin = max(0, examples.starts[row] - TOKENS // 2 + number)
        ids.append(examples.ids[row][begin : begin + TOKENS])
        starts.append(examples.starts[row] - begin)
    return Examples(ids, starts)


def _alone(net: Any, examples: Examples) -> "torch.Tensor":
    return _together(net, examples, [[row] for row in range(len(examples))])


def _together(net: Any, examples: Examples, groups: Sequence[Sequence[int]]) -> "torch.Tensor":
    import torch

    return torch.cat([forward_of(net, layouts.padded_batch(examples, group, net.device)) for group in groups])


def _first_of_each(examples: Examples) -> list[int]:
    """Places of each row's first learnt token among all of them."""
    found, before = [], 0
    for count in examples.answers:
        found.append(before)
        before += count
    return found


def _differ(one: "torch.Tensor", other: "torch.Tensor") -> bool:
    spread = float(other.amax() - other.amin())
    # written so that a NaN differs too
    return not float((one - other).abs().max()) <= TOLERANCE * max(spread, 1e-6)
