"""Checks of a network and its tokenizer before anything is trained: a fraction of a second, one line each.

They compute a few short texts. They prove that the parts fit and that padding is not read, and say nothing
of quality.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest, in_a_line
from slmworks_torch import positions

if TYPE_CHECKING:
    from tokenizers import Tokenizer

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
WORDS = (1, 8, 12, 16, 24)
"""Tokens of the texts that are computed, beside an empty one."""
MOST = 32
"""Tokens after which these texts are cut."""


def check(network: "TextNetwork", *, port: str) -> None:
    """BadRequest unless every token has an embedding and texts answer the same alone and together."""
    rows = _refuse_unknown_tokens(network, port)
    most = min(positions.count(network.net) or MOST, MOST)
    encoded = replace(network, max_length=most).encode(["", *_texts(network.tokenizer)])
    if not encoded.ids[0]:
        raise BadRequest(
            f"{port}: its tokenizer gives no token for an empty text, which a model has to answer too; "
            f"let tokenizer.json add a special token to every text, by the post-processor "
            f"{_template(network)}."
        )
    pad = getattr(network.net.config, "pad_token_id", None)
    if pad is not None and rows and not 0 <= pad < rows:
        raise BadRequest(
            f"{port}: pad_token_id is {pad}, and the network has embeddings for 0 to {rows - 1}; "
            f"{_set_padding(network)}."
        )
    alone, together = _alone(network, encoded, port), _together(network, encoded, port)
    spread = float((alone.amax(dim=0) - alone.amin(dim=0)).max())
    change = float((together - alone).abs().max())
    # written so that a NaN is refused too
    if not change <= TOLERANCE * spread + ROUNDING:
        raise BadRequest(
            f"{port}: a text's output changes with the padding behind it, by {change:.2g} where texts differ "
            f"by {spread:.2g}: {network.net.config.model_type} networks read padding, so an answer would "
            "depend on the texts beside it; take another family (BERT, RoBERTa, DeBERTa, ModernBERT, …)."
        )


def _refuse_unknown_tokens(network: "TextNetwork", port: str) -> int:
    """Number of token embeddings, 0 where the network has no such table."""
    try:
        weight = getattr(network.net.get_input_embeddings(), "weight", None)
    except NotImplementedError:
        weight = None
    rows = 0 if weight is None else len(weight)
    token, largest = max(network.tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    if rows and largest >= rows:
        raise BadRequest(
            f"{port}: tokenizer.json gives {token!r} the id {largest}, and the network has embeddings for 0 "
            f"to {rows - 1}; take both from the same model, or add the missing rows with "
            "transformers' resize_token_embeddings."
        )
    return rows


def _texts(tokenizer: "Tokenizer") -> list[str]:
    """Texts of a few tokens, drawn evenly from the vocabulary, so that they differ in any language."""
    added = set(tokenizer.get_added_tokens_decoder())
    ids = sorted(set(tokenizer.get_vocab().values()) - added)
    ids = ids[:: max(1, len(ids) // sum(WORDS))]
    texts = []
    for count in WORDS:
        texts.append(tokenizer.decode(ids[:count]))
        ids = ids[count:]
    return texts


def _alone(network: "TextNetwork", encoded: "Encoded", port: str) -> "torch.Tensor":
    """Outputs of the texts, each computed by itself, [texts, width]."""
    import torch

    found = []
    for row, ids in enumerate(encoded.ids):
        try:
            found.append(_outputs(network.net, encoded, [row]))
        except Exception as error:
            # whatever a network raises: shapes of its layers are its own affair
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
        if getattr(network.net.config, "pad_token_id", None) is None:
            raise BadRequest(
                f"{port}: it has no padding token, so texts cannot be computed together; "
                f"{_set_padding(network)}."
            ) from error
        raise BadRequest(
            f"{port}: the network computes texts one by one and not together ({in_a_line(error, 120)}); "
            "take another family (BERT, RoBERTa, DeBERTa, ModernBERT, …)."
        ) from error


def _outputs(net: Any, encoded: "Encoded", rows: Sequence[int]) -> "torch.Tensor":
    """Logits, or the mean token vector of a network without a head; torch's random state stays as it is."""
    import torch

    inputs = encoded.batch(rows, net.device)
    with torch.inference_mode(), torch.random.fork_rng(devices=[]):
        found = net(**inputs)
    if hasattr(found, "logits"):
        return found.logits.float()
    real = inputs["attention_mask"].unsqueeze(2)
    return ((found.last_hidden_state * real).sum(dim=1) / real.sum(dim=1)).float()


def _template(network: "TextNetwork") -> str:
    """The post-processor that a tokenizer lacks, in Python, with the model's own tokens where it has them."""
    config, tokenizer = network.net.config, network.tokenizer
    first, last = getattr(config, "bos_token_id", None), getattr(config, "eos_token_id", None)
    if first is None and last is None:
        first, last = (tokenizer.token_to_id(word) for word in ("[CLS]", "[SEP]"))
    if first == last:
        first = None
    ends = [tokenizer.id_to_token(number) if isinstance(number, int) else None for number in (first, last)]
    single = " ".join(part for part in (ends[0], "$A", ends[1]) if part)
    special = [(word, tokenizer.token_to_id(word)) for word in ends if word]
    return f"TemplateProcessing(single={single!r}, special_tokens={special!r})"


def _set_padding(network: "TextNetwork") -> str:
    end = getattr(network.net.config, "eos_token_id", None)
    example = f" (eos_token_id, {end}, will do)" if isinstance(end, int) else ""
    return f"set pad_token_id in config.json to the id of a token that texts do not hold{example}"
