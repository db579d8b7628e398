"""Cutting a WordPiece vocabulary down to the tokens that a domain uses.

Words that lose their token are spelt in smaller pieces by the same greedy rule, with embeddings that
are already there; they are never mapped to the unknown token. For that every single character stays,
at the beginning of a word and within it; or, where a student must be smaller still, those of ASCII and
of the text it learns from: a word in another script is then unknown.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from slmworks.contract.errors import BadRequest
from slmworks.model_tasks import hf_positions as positions

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from slmworks_torch.hf_folder import TextNetwork


Characters = Literal["all", "seen"]
"""Single characters that stay: all that have a token, or those of ASCII and of the training text."""


@dataclass(frozen=True)
class Vocabulary:
    """A smaller tokenizer, and for each of its ids the id of that token before."""

    tokenizer: "Tokenizer"
    old_ids: list[int]


def cut(
    tokenizer: "Tokenizer", texts: Sequence[str], *, min_count: int, characters: Characters = "all"
) -> Vocabulary:
    """Keep tokens seen `min_count` times in `texts`, special tokens and single `characters`.

    Everything else of the tokenizer (lower-casing, splitting, special tokens) stays as it is.
    BadRequest for a tokenizer that isn't WordPiece.
    """
    from tokenizers import Tokenizer

    rules = json.loads(tokenizer.to_str())
    model = rules["model"]
    if model["type"] != "WordPiece":
        raise BadRequest(
            f"vocabulary: only a WordPiece vocabulary can be cut, this one is {model['type']}; "
            "use vocabulary: keep."
        )
    known: dict[str, int] = model["vocab"] | {t["content"]: t["id"] for t in rules["added_tokens"]}
    special = {str(token["content"]) for token in rules["added_tokens"]} | {str(model["unk_token"])}
    special |= set(_named(rules["post_processor"]))
    prefix = model["continuing_subword_prefix"]
    counts = _counts(tokenizer, texts)
    letters = _letters(known if characters == "all" else counts, prefix)
    often = {token for token, count in counts.items() if count >= min_count}
    kept = _kept(known, special | often, letters, prefix)
    new = {token: number for number, token in enumerate(kept)}
    model["vocab"] = new
    rules["added_tokens"] = [{**token, "id": new[token["content"]]} for token in rules["added_tokens"]]
    rules["post_processor"] = _renumbered(rules["post_processor"], new)
    rules["padding"] = rules["truncation"] = None
    return Vocabulary(Tokenizer.from_str(json.dumps(rules)), [known[token] for token in kept])


def shrink(
    network: "TextNetwork", texts: Sequence[str], *, min_count: int, characters: Characters = "all"
) -> "TextNetwork":
    """The network with its vocabulary cut to `texts`; its embeddings shrink in place."""
    vocabulary = cut(network.tokenizer, texts, min_count=min_count, characters=characters)
    new = {old: place for place, old in enumerate(vocabulary.old_ids)}
    net = network.net
    _refuse_moved_positions(net, new)
    _cut_table(net, vocabulary.old_ids, new.get(net.config.pad_token_id))
    net.config.vocab_size = len(new)
    for name, number in net.config.to_dict().items():
        if name.endswith("_token_id") and isinstance(number, int):
            setattr(net.config, name, new.get(number))
    return replace(network, tokenizer=vocabulary.tokenizer)


def _cut_table(net: Any, kept: Sequence[int], padding: int | None) -> None:
    """Leave only these tokens' rows in the table of tokens; of a factorized one, in its first factor."""
    import torch
    from slmworks_torch.compression.low_rank import LowRankEmbedding

    table = net.get_input_embeddings()
    is_factorized = isinstance(table, LowRankEmbedding)
    before = (table.first if is_factorized else table).weight.detach()
    after = torch.nn.Embedding(len(kept), before.shape[1], padding_idx=padding)
    after.weight = torch.nn.Parameter(before[list(kept)].clone())
    if is_factorized:
        table.first, table.num_embeddings, table.padding_idx = after, len(kept), padding
    else:
        net.set_input_embeddings(after)


def _refuse_moved_positions(net: Any, new: Mapping[int, int]) -> None:
    """BadRequest where positions count from the padding token's id (RoBERTa), and a cut would change that."""
    padding, place = net.config.pad_token_id, positions.table(net)
    behind = place and padding is not None and positions.first(net, place) == padding + 1
    if behind and new.get(padding) != padding:
        raise BadRequest(
            f"vocabulary: this network counts positions from its padding token's id, {padding}, which a cut "
            "vocabulary would change; use vocabulary: keep."
        )


def _counts(tokenizer: "Tokenizer", texts: Sequence[str]) -> Counter[str]:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    counts: Counter[str] = Counter()
    for encoded in tokenizer.encode_batch(list(texts)):
        counts.update(encoded.tokens)
    return counts


def _letters(tokens: Iterable[str], prefix: str) -> set[str]:
    """The characters of `tokens`, and all of ASCII."""
    return {letter for token in tokens for letter in token.removeprefix(prefix)} | set(map(chr, range(128)))


def _kept(known: Mapping[str, int], always: set[str], letters: set[str], prefix: str) -> list[str]:
    """The tokens that stay, in the order of their old ids."""

    def stays(token: str) -> bool:
        rest = token.removeprefix(prefix)
        if token in always:
            return True
        if not letters.issuperset(rest):
            return False
        if len(rest) <= 1:
            return True
        # a token with a character that has no token of its own could not be spelt any other way
        first = rest[0] if token == rest else prefix + rest[0]
        return first not in known or any(prefix + letter not in known for letter in rest[1:])

    return sorted((token for token in known if stays(token)), key=known.__getitem__)


def _named(processor: Any) -> list[str]:
    """The special tokens that a post-processor adds."""
    if not processor:
        return []
    if processor["type"] == "Sequence":
        return [token for part in processor["processors"] for token in _named(part)]
    if processor["type"] == "TemplateProcessing":
        return [token for entry in processor["special_tokens"].values() for token in entry["tokens"]]
    return [processor[role][0] for role in ("sep", "cls") if role in processor]


def _renumbered(processor: Any, new: Mapping[str, int]) -> Any:
    """The same post-processor with the new ids of its special tokens."""
    if not processor:
        return processor
    if processor["type"] == "Sequence":
        return {**processor, "processors": [_renumbered(part, new) for part in processor["processors"]]}
    if processor["type"] == "TemplateProcessing":
        entries = {
            name: {**entry, "ids": [new[token] for token in entry["tokens"]]}
            for name, entry in processor["special_tokens"].items()
        }
        return {**processor, "special_tokens": entries}
    pairs = {
        role: [processor[role][0], new[processor[role][0]]] for role in ("sep", "cls") if role in processor
    }
    return {**processor, **pairs}
