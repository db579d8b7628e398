"""Which tokens of a byte-level BPE can be left out, and its tokenizer.json without them.

A token is made by merges out of smaller tokens. As long as these stay with it, text whose tokens all stay is
split into the same ones: at each step the merge that was the first one is still there, and no new one is. All
other text falls into smaller tokens, single bytes at worst, and is the same text when it is put together.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from slmworks.contract.errors import BadRequest

Json = dict[str, Any]
"""A tokenizer.json, as tokenizers writes it."""


def refuse_others(said: Json, *, port: str) -> None:
    """BadRequest for a tokenizer that is no byte-level BPE."""
    model = said["model"]
    steps = list(_steps(said.get("pre_tokenizer")))
    pieces = model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")
    if model["type"] != "BPE" or model.get("byte_fallback") or pieces or "ByteLevel" not in steps:
        kind = model["type"] + (" with byte fallback" if model.get("byte_fallback") else "")
        raise BadRequest(
            f"vocabulary: the {port}'s tokenizer is {kind}, and only a byte-level BPE (GPT-2, Llama 3, Qwen, "
            "SmolLM, …) writes any text with fewer tokens and the same rules; leave the option out."
        )


def kept(said: Json, used: Iterable[int], number: int, *, port: str) -> list[int]:
    """Ids of `number` tokens that stay, ascending: what must, what is used, then the earliest merges.

    BadRequest where bytes, special tokens and the `used` ones are more already.
    """
    from tokenizers.pre_tokenizers import ByteLevel

    vocabulary: Mapping[str, int] = said["model"]["vocab"]
    makers = _makers(said)
    must = [token for token in ByteLevel.alphabet() if token in vocabulary]
    must += [said["model"]["unk_token"]] if said["model"].get("unk_token") else []
    names = {number: token for token, number in vocabulary.items()}
    # an added token may have no merge, and stays whole
    added = {int(token["id"]) for token in said["added_tokens"]}
    found = added | {vocabulary[token] for token in must}
    for token in used:
        if token not in added:
            found |= {vocabulary[part] for part in _closed(names[token], makers)}
    if len(found) > number:
        raise BadRequest(
            f"vocabulary: bytes, special tokens and what the training text uses are {len(found):,} tokens of "
            f"the {port}'s, more than {number:,}; take {len(found):,} or more."
        )
    for left, right in _merges(said):
        if len(found) == number:
            break
        more = {vocabulary[part] for part in _closed(left + right, makers)} - found
        if len(found) + len(more) <= number:
            found |= more
    return sorted(found)


def rewritten(said: Json, ids: Sequence[int]) -> Json:
    """A tokenizer.json with these tokens only, renumbered in their order."""
    new = {old: place for place, old in enumerate(ids)}
    vocabulary = {
        token: new[old] for token, old in sorted(said["model"]["vocab"].items(), key=_id) if old in new
    }
    merges = [
        [left, right]
        for left, right in _merges(said)
        if left in vocabulary and right in vocabulary and left + right in vocabulary
    ]
    found = {
        **said,
        "added_tokens": [{**token, "id": new[token["id"]]} for token in said["added_tokens"]],
        "model": {**said["model"], "vocab": vocabulary, "merges": merges},
        "post_processor": _renumbered(said.get("post_processor"), new),
    }
    if padding := said.get("padding"):
        found["padding"] = {**padding, "pad_id": new.get(padding["pad_id"], 0)}
    return found


def _renumbered(said: Any, new: Mapping[int, int]) -> Any:
    """A post-processor that puts the same tokens under their new ids."""
    if not isinstance(said, dict):
        return said
    found = dict(said)
    if "processors" in said:
        found["processors"] = [_renumbered(one, new) for one in said["processors"]]
    if "special_tokens" in said:
        found["special_tokens"] = {
            name: {**token, "ids": [new[old] for old in token["ids"]]}
            for name, token in said["special_tokens"].items()
        }
    for name in {"cls", "sep"} & said.keys():
        token, old = said[name]
        found[name] = [token, new[old]]
    return found


def _id(entry: tuple[str, int]) -> int:
    return entry[1]


def _steps(said: Any) -> Iterator[str]:
    """Types of a pre-tokenizer's steps."""
    for one in said.get("pretokenizers", [said]) if said else []:
        yield str(one["type"])


def _merges(said: Json) -> Iterator[tuple[str, str]]:
    """Pairs of tokens in the order in which they were learnt; older files write them as one string."""
    for merge in said["model"]["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        yield left, right


def _makers(said: Json) -> Mapping[str, list[tuple[str, str]]]:
    """Token -> every merge that makes it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for left, right in _merges(said):
        found.setdefault(left + right, []).append((left, right))
    return found


def _closed(token: str, makers: Mapping[str, Sequence[tuple[str, str]]]) -> set[str]:
    """The token, and all that it is made of."""
    found: set[str] = set()
    waiting = [token]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += [part for pair in makers.get(one, ()) for part in pair]
    return found
