"""Checks of a network and its tokenizer before anything is trained: a fraction of a second, one line each.

They compute a few short texts. They prove that the parts fit and that padding is not read, and say nothing
of quality.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from slmworks.contract.errors import BadRequest, in_a_line
from slmworks_torch import token_checks

if TYPE_CHECKING:
    import torch
    from slmworks_torch.batches import Encoded
    from slmworks_torch.hf_folder import TextNetwork

TOLERANCE = 1e-3
"""Largest change of an output by padding, as a share of the range of the outputs of different texts.

Networks that mask their padding differ by rounding, which was at most 0.000002 in 24 families; the margin is
for deeper ones. ConvBERT's convolutions let padding into the last four words of a text: 0.002 to 0.02 for
the longest texts here, 0.5 for one word. FNet and XLNet compute with it: 0.2 and more.
"""
ROUNDING = 1e-5
"""A change of an output that may come of computing in another order."""
ALIKE = 1e-5
"""Range of the outputs of different texts, as a share of the largest, up to which they are the same."""


def check(network: "TextNetwork", *, port: str) -> None:
    """BadRequest unless every token has an embedding and texts answer the same alone and together."""
    rows = token_checks.embeddings_of(network.net, network.tokenizer, port)
    encoded = token_checks.texts_to_compute(network, rows, port)
    pad = getattr(network.net.config, "pad_token_id", None)
    if pad is not None and rows and not 0 <= pad < rows:
        raise BadRequest(
            f"{port}: pad_token_id is {pad}, and the network has embeddings for 0 to {rows - 1}; "
            f"{_set_padding(network)}."
        )
    alone, together = _alone(network, encoded, port), _together(network, encoded, port)
    if not alone.isfinite().all():
        raise BadRequest(
            f"{port}: a text's output is no finite number, so model.safetensors holds a broken weight "
            "(NaN or infinity); take an earlier or another copy of the model."
        )
    spread = float((alone.amax(dim=0) - alone.amin(dim=0)).max())
    change = float((together - alone).abs().max())
    # written so that a NaN is refused too
    if not change <= TOLERANCE * spread + ROUNDING:
        raise BadRequest(
            f"{port}: a text's output changes with the padding behind it, by {change:.2g} where texts differ "
            f"by {spread:.2g}: {network.net.config.model_type} networks read padding, so an answer would "
            "depend on the texts beside it; take another family (BERT, RoBERTa, DeBERTa, ModernBERT, …)."
        )
    if spread <= ALIKE * float(alone.abs().max()):
        raise BadRequest(
            f"{port}: the network gives texts of different words the same output: its weights are empty, or "
            "its configuration hides the words (is_decoder in an encoder); take it as it was published, or "
            "another family (BERT, RoBERTa, DeBERTa, ModernBERT, …)."
        )


def _alone(network: "TextNetwork", encoded: "Encoded", port: str) -> "torch.Tensor":
    """Outputs of the texts, each computed by itself, [texts, width]."""
    import torch

    found = []
    for row, ids in enumerate(encoded.ids):
        try:
            found.append(_outputs(network.net, encoded, [row]))
        except Exception as error:
            # whatever a network raises: shapes of its layers are its own affair
            if "pad" in str(error) or "NoneType" in str(error):
                _refuse_without_padding(network, port, error)
            raise BadRequest(
                f"{port}: the network cannot compute a text of {len(ids)} tokens ({in_a_line(error, 120)}); "
                "take one that computes texts of any length from their ids and mask alone (BERT, RoBERTa, "
                "DeBERTa, ModernBERT, …)."
            ) from error
    return torch.cat(found)


def _together(network: "TextNetwork", encoded: "Encoded", port: str) -> "torch.Tensor":
    """Outputs of the texts as one padded batch, [texts, width]."""
    try:
        return _outputs(network.net, encoded, range(len(encoded)))
    except Exception as error:
        _refuse_without_padding(network, port, error)
        raise BadRequest(
            f"{port}: the network computes texts one by one and not together ({in_a_line(error, 120)}); "
            "take another family (BERT, RoBERTa, DeBERTa, ModernBERT, …)."
        ) from error


def _refuse_without_padding(network: "TextNetwork", port: str, error: Exception) -> None:
    """BadRequest where the network has no padding token, for which it failed."""
    if getattr(network.net.config, "pad_token_id", None) is None:
        raise BadRequest(
            f"{port}: it has no padding token, so texts cannot be computed together; {_set_padding(network)}."
        ) from error


def _outputs(net: Any, encoded: "Encoded", rows: Sequence[int]) -> "torch.Tensor":
    """Logits, or the mean of what is given for a text's tokens; torch's random state stays as it is."""
    import torch

    inputs = encoded.batch(rows, net.device)
    with torch.inference_mode(), torch.random.fork_rng(devices=[]):
        found = net(**inputs)
    values = _given(found)
    if values.ndim == 2:
        return values.float()
    real = inputs["attention_mask"].unsqueeze(2)
    return ((values * real).sum(dim=1) / real.sum(dim=1)).float()


def _given(found: Any) -> "torch.Tensor":
    """What a network gives: [texts, width], or [texts, tokens, width]."""
    import torch

    if hasattr(found, "start_logits"):
        return torch.stack((found.start_logits, found.end_logits), dim=2)
    for name in ("logits", "last_hidden_state"):
        if (values := getattr(found, name, None)) is not None:
            return cast("torch.Tensor", values)
    raise TypeError(f"it gives neither logits nor token vectors but {', '.join(found)}")


def _set_padding(network: "TextNetwork") -> str:
    end = getattr(network.net.config, "eos_token_id", None)
    example = f" (eos_token_id, {end}, will do)" if isinstance(end, int) else ""
    return f"set pad_token_id in config.json to the id of a token that texts do not hold{example}"
