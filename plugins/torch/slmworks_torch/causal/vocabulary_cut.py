"""A causal language model with a part of its vocabulary, in tokenizer, embeddings and head alike.

Only for byte-level BPE, whose single bytes still write any text. `byte_level` says which tokens stay.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.model_task import Row
from slmworks.contract.stage import Task
from slmworks.model_tasks.text_generation import prompt
from slmworks.model_tasks.text_generation.hf_chat import ChatTokenizer
from slmworks_torch import networks
from slmworks_torch.causal import byte_level, examples
from slmworks_torch.causal.chat_model import GENERATION, HEAD, KEPT, ChatModel
from slmworks_torch.compression import architecture

KEPT_TOKENS = "kept_tokens.json"
"""File beside the weights: which ids of the whole vocabulary the tokens had."""
_LISTS_OF_IDS = ("suppress_tokens", "begin_suppress_tokens")
_STALE = ("vocab.*", "merges.txt", "tokenizer.model")
"""Files that say again, for slow tokenizers, what tokenizer.json says."""


def kept_ids(folder: Path, *, of: Path | None = None) -> list[int] | None:
    """The id that each token of a cut model had before, in the order of its own ids; None for one not cut.

    `of`: folder of the model whose ids are asked for, if that may be a cut one too. Without it: the ids of
    the whole vocabulary, however often it was cut. BadRequest where `of` lacks one of the tokens.
    """
    found = _read(folder)
    theirs = _read(of) if of else None
    if found is None or theirs is None:
        return found
    place = {old: new for new, old in enumerate(theirs)}
    if missing := [token for token in found if token not in place]:
        raise BadRequest(
            f"student: its vocabulary keeps the token {missing[0]} of the whole one, which its teacher's "
            "lacks; take a teacher with the whole vocabulary."
        )
    return [place[token] for token in found]


def cut(model: ChatModel, number: int, data: Dataset, task: Task, *, port: str) -> ChatModel:
    """The model with `number` tokens: what the split `train` uses, and the earliest learnt ones.

    Its files lie in the task's scratch folder. BadRequest for a tokenizer of another kind, for fewer tokens
    than must stay and for more than there are.
    """
    architecture.refuse_table(model.net, "vocabulary")
    said = json.loads((model.folder / "tokenizer.json").read_text(encoding="utf-8"))
    byte_level.refuse_others(said, port=port)
    size = len({*said["model"]["vocab"].values(), *(token["id"] for token in said["added_tokens"])})
    if number > size:
        raise BadRequest(
            f"vocabulary: the {port} has {size:,} tokens, and {number:,} are asked for; take fewer."
        )
    if number == size:  # it was cut in a round before
        return replace(model, shape={**model.shape, "vocabulary": size})
    train = list(_tokens(model, data, "train"))
    used = {token for ids in train for token in ids} | _ends(model, said)
    ids = byte_level.kept(said, used, number, port=port)
    made = _with_tokens(model, said, ids, task.scratch / "vocabulary")
    _prove(made, data, train, ids)
    shape = {**model.shape, "vocabulary": len(ids), "extra_tokens": _extra(model, made, data)}
    return replace(made, shape=shape)


def _tokens(model: ChatModel, data: Dataset, split: str) -> Iterator[list[int]]:
    """Token ids of each row: prompt, answer and its end."""
    for row in _rows(data, split):
        given, answer = examples.tokens(model, row, split)
        yield [*given, *answer]


def _rows(data: Dataset, split: str) -> Sequence[Row]:
    return examples.read(data, split)


def _ends(model: ChatModel, said: byte_level.Json) -> set[int]:
    """Tokens that end a text or an answer, and those behind one, where a conversation goes on."""
    behind = prompt.behind_answer(model.chat.templates, model.chat.special)
    known = {*said["model"]["vocab"].values(), *(token["id"] for token in said["added_tokens"])}
    if lost := {model.turn_end, model.text_end} - known:
        raise BadRequest(
            f"vocabulary: an answer ends with the token {min(lost)}, which tokenizer.json doesn't hold; mend "
            f"eos_token_id in {GENERATION}."
        )
    around = (*model.chat.ids(behind, around=False), *model.chat.ids("", around=True))
    return {*around, model.turn_end, model.text_end, *model.ends} & known


def _with_tokens(model: ChatModel, said: byte_level.Json, ids: Sequence[int], folder: Path) -> ChatModel:
    """The model with these tokens only; its files in `folder`."""
    new = {old: place for place, old in enumerate(ids)}
    net = _net(model, ids, new)
    _write_files(model, byte_level.rewritten(said, ids), ids, folder)
    return replace(
        model,
        net=net,
        chat=ChatTokenizer.open(folder),
        turn_end=new[model.turn_end],
        text_end=new[model.text_end],
        ends=tuple(new[end] for end in model.ends if end in new),
        added=tuple(new[end] for end in model.added if end in new),
        folder=folder,
    )


def _net(model: ChatModel, ids: Sequence[int], new: Mapping[int, int]) -> Any:
    """The network with these rows of its embeddings and its head."""
    import copy

    import torch

    config = copy.deepcopy(model.net.config)
    config.vocab_size = len(ids)
    for name, value in config.to_dict().items():
        if name.endswith("_token_id"):
            setattr(config, name, _mapped(value, new))
    weights = dict(model.net.state_dict(keep_vars=True))
    index = torch.tensor(ids, device=model.net.device)
    tables = (model.net.get_input_embeddings(), model.net.get_output_embeddings())
    ours = {id(weight) for table in tables for weight in table.parameters()}
    rows = len(tables[0].weight)
    for name, weight in weights.items():
        if id(weight) not in ours and weight.ndim > 1 and len(weight) == rows:
            raise BadRequest(
                f"vocabulary: {name} may have a row for each token too, and only embeddings and head can be "
                "cut; leave the option out."
            )
        weights[name] = weight.detach()[index] if id(weight) in ours else weight.detach()
    return networks.of_weights(config, HEAD, weights, "vocabulary")


def _mapped(value: Any, new: Mapping[int, int]) -> Any:
    """An id, or a list of ids, renumbered; without those that the tokenizer never had."""
    if isinstance(value, list):
        return [new[old] for old in value if old in new] or None
    return new.get(value) if isinstance(value, int) else value


def _write_files(model: ChatModel, said: byte_level.Json, ids: Sequence[int], folder: Path) -> None:
    """The files of `model.folder` that go with a tokenizer, renumbered; and which tokens were kept."""
    from tokenizers import Tokenizer

    folder.mkdir()
    stale = {path for pattern in _STALE for path in model.folder.glob(pattern)}
    for pattern in (*KEPT, GENERATION):
        for path in set(model.folder.glob(pattern)) - stale:
            target = folder / path.relative_to(model.folder)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
    Tokenizer.from_str(json.dumps(said)).save(str(folder / "tokenizer.json"))
    new = {old: place for place, old in enumerate(ids)}
    _rewrite(folder / "tokenizer_config.json", lambda found: _with_added(found, new))
    _rewrite(folder / "added_tokens.json", lambda found: {name: new[old] for name, old in found.items()})
    _rewrite(folder / GENERATION, lambda found: _settings(found, new))
    whole = _read(model.folder)
    text = json.dumps({"kept": [whole[old] if whole else old for old in ids]}) + "\n"
    (folder / KEPT_TOKENS).write_text(text, encoding="utf-8")


def _rewrite(path: Path, change: Any) -> None:
    """Change a JSON object on disk; a file that isn't there stays away."""
    if path.exists():
        found = change(json.loads(path.read_text(encoding="utf-8")))
        text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")


def _with_added(said: dict[str, Any], new: Mapping[int, int]) -> dict[str, Any]:
    """tokenizer_config.json with the added tokens under their new ids."""
    if "added_tokens_decoder" not in said:
        return said
    added = {str(new[int(old)]): token for old, token in said["added_tokens_decoder"].items()}
    return {**said, "added_tokens_decoder": added}


def _settings(said: dict[str, Any], new: Mapping[int, int]) -> dict[str, Any]:
    """generation_config.json with its ids renumbered."""
    for name in ("bad_words_ids", "force_words_ids", "sequence_bias"):
        if said.get(name):
            raise BadRequest(
                f"vocabulary: {GENERATION} says {name}, whose tokens may be cut; remove it, or leave the "
                "option out."
            )
    ids = {name for name in said if name.endswith("_token_id") or name in _LISTS_OF_IDS}
    return {name: _mapped(value, new) if name in ids else value for name, value in said.items()}


def _prove(made: ChatModel, data: Dataset, before: Sequence[Sequence[int]], ids: Sequence[int]) -> None:
    """TaskFailed unless the training text has the tokens that it had."""
    for row, old, found in zip(_rows(data, "train"), before, _tokens(made, data, "train"), strict=True):
        if [ids[token] for token in found] != list(old):
            raise TaskFailed(
                f"vocabulary: the row '{row['id']}' has other tokens with the cut vocabulary; this "
                "tokenizer cannot be cut, so leave the option out."
            )


def _extra(model: ChatModel, made: ChatModel, data: Dataset) -> float:
    """How many tokens more, as a share, the held-out text has with the cut vocabulary."""
    count = [sum(map(len, _tokens(one, data, "validation"))) for one in (model, made)]
    return round(count[1] / count[0] - 1, 4)


def _read(folder: Path) -> list[int] | None:
    path = folder / KEPT_TOKENS
    if not path.exists():
        return None
    found: list[int] = json.loads(path.read_text(encoding="utf-8"))["kept"]
    return found
