"""Checks of a tokenizer against its network: what it gives for any text has an embedding and a position."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest, in_a_line
from slmworks.model_tasks import hf_positions as positions

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from slmworks_torch.batches import Encoded
    from slmworks_torch.hf_folder import TextNetwork

WORDS = (1, 8, 12, 16, 24)
"""Tokens of the texts that are computed, beside an empty one."""
MOST = 32
"""Tokens after which these texts are cut."""
STRANGE = "\U000f8fd0"
"""A character for private use, which no vocabulary has a token for."""


def embeddings_of(net: Any, tokenizer: "Tokenizer", port: str) -> int:
    """Number of token embeddings, 0 where there is no such table; BadRequest for a token without one."""
    try:
        weight = getattr(net.get_input_embeddings(), "weight", None)
    except NotImplementedError:
        weight = None
    rows = 0 if weight is None else len(weight)
    words = tokenizer.get_vocab()
    if not words:
        raise BadRequest(f"{port}: tokenizer.json holds no token; take the one that the model came with.")
    token, largest = max(words.items(), key=lambda entry: entry[1])
    if rows and largest >= rows:
        raise BadRequest(
            f"{port}: tokenizer.json gives {token!r} the id {largest}, and the network has embeddings for 0 "
            f"to {rows - 1}; take both from the same model, or add the missing rows with "
            "transformers' resize_token_embeddings."
        )
    return rows


def texts_to_compute(network: "TextNetwork", rows: int, port: str) -> "Encoded":
    """An empty text, some of known words and a strange one; BadRequest for tokens that can't be read."""
    most = min(positions.count(network.net) or MOST, MOST)
    try:
        encoded = replace(network, max_length=most).encode(["", *_texts(network.tokenizer), STRANGE])
    except Exception as error:
        # tokenizers raises Exception itself
        raise BadRequest(
            f"{port}: its tokenizer cannot encode every text ({in_a_line(error, 120)}); "
            "let tokenizer.json name an unknown token that its vocabulary holds."
        ) from error
    if not encoded.ids[0]:
        raise BadRequest(
            f"{port}: its tokenizer gives no token for an empty text, which a model has to answer too; "
            f"let tokenizer.json add a special token to every text, by the post-processor "
            f"{_template(network)}."
        )
    around = encoded.ids[0]
    if rows and max(around) >= rows:
        raise BadRequest(
            f"{port}: tokenizer.json's post-processor adds a token with the id {max(around)}, and the "
            f"network has embeddings for 0 to {rows - 1}; give it the id that the vocabulary has."
        )
    if len(around) >= min(most, network.max_length):
        raise BadRequest(
            f"{port}: tokenizer.json's post-processor adds {len(around)} tokens to every text, which leaves "
            f"no room among {min(most, network.max_length)}; add fewer."
        )
    return encoded


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
