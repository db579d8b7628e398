"""A causal language model in a Hugging Face folder, to be trained and written back with its own tokenizer."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, in_a_line
from slmworks.model_tasks import hf_positions
from slmworks.model_tasks.text_generation import prompt
from slmworks.model_tasks.text_generation.hf_chat import SPECIAL, ChatTokenizer, ends_of
from slmworks_torch import config_json, hf_folder, networks, token_checks

HEAD = "AutoModelForCausalLM"
KEPT = (
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt",
    "chat_template*", "additional_chat_templates/*", "kept_tokens.json", "LICENSE*", "NOTICE*",
)  # fmt: skip
"""Files beside the network that a trained model keeps to the byte."""
GENERATION = "generation_config.json"


@dataclass(frozen=True)
class ChatModel:
    """A network, its tokenizer and chat template, and the tokens that end an answer."""

    net: Any
    chat: ChatTokenizer
    turn_end: int
    """Token behind an answer in a conversation."""
    text_end: int
    """Token behind plain text."""
    ends: tuple[int, ...]
    """All tokens that end an answer, as the runtimes take them from the folder."""
    folder: Path
    """The folder whose tokenizer files are kept."""
    added: tuple[int, ...] = field(default=())
    """Ends that the folder's generation settings don't name yet."""
    shape: Mapping[str, float] = field(default_factory=dict)
    """What a student was cut to, for the summary: `layers`, `ffn`, `vocabulary`, `extra_tokens`."""

    @property
    def parameters(self) -> int:
        """Number of weights, shared ones once."""
        return sum(weight.numel() for weight in self.net.parameters())

    @property
    def context(self) -> int:
        """Tokens that the network has positions for; 0 where there is no limit."""
        return hf_positions.count(self.net)

    def save(self, folder: Path) -> None:
        """Write network, tokenizer files as they were, generation settings with every end of an answer."""
        settings = _generation(self.folder)
        if self.added:
            settings["eos_token_id"] = list(self.ends)
        self.net.generation_config = _plain_settings(self)
        self.net.eval().save_pretrained(folder)
        for pattern in KEPT:
            for path in sorted(self.folder.glob(pattern)):
                target = folder / path.relative_to(self.folder)
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, target)
        if self.added and settings:
            text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
            (folder / GENERATION).write_text(text, encoding="utf-8")
        elif (self.folder / GENERATION).exists():
            shutil.copyfile(self.folder / GENERATION, folder / GENERATION)


def load(model: Model, *, port: str) -> ChatModel:
    """Load a causal language model, float32, in evaluation mode.

    BadRequest for a network of another kind, a folder without a usable tokenizer, special tokens that the
    vocabulary lacks, and one that names no end of an answer.
    """
    _refuse_other_heads(model, port=port)
    words = hf_folder.read_tokenizer(model, port=port)
    net = networks.network(model, HEAD, port=port, new_head=False)
    rows = token_checks.embeddings_of(net, words, port)
    chat = open_chat(model, port=port)
    for role, token in chat.special.items():
        if words.token_to_id(token) is None:
            raise BadRequest(
                f"{port}: tokenizer_config.json names {token!r} as {role}, and tokenizer.json has no such "
                "token; take both files from the same model."
            )
    named = ends_of(net, chat.tokenizer)
    if bad := [end for end in named if not 0 <= end < rows]:
        raise BadRequest(
            f"{port}: {GENERATION} ends an answer at token {bad[0]}, and the network has embeddings for 0 to "
            f"{rows - 1}; mend eos_token_id."
        )
    turn = _turn_end(chat, named)
    if turn is None:
        raise BadRequest(
            f"{port}: it names no token that ends an answer, so it would never stop; set eos_token_id in "
            f"{GENERATION}, or eos_token in tokenizer_config.json."
        )
    own = chat.tokenizer.eos_token_id
    text = own if own is not None else (named or [turn])[0]
    ends = tuple(dict.fromkeys([*named, turn]))
    return ChatModel(net, chat, turn, text, ends, model.path, tuple(set(ends) - set(named)))


def carried_meta(chat: ChatModel, most: int, noted: Mapping[str, Any]) -> dict[str, Any]:
    """`meta` of a trained model: what it is for, `most` tokens of an answer, and what an import `noted`."""
    found: dict[str, Any] = {
        "task": "text-generation",
        "parameters": chat.parameters,
        "max_new_tokens": most,
    }
    if "max_length" in noted:
        found["max_length"] = noted["max_length"]
    if "gguf" in noted:  # types of tensors are those of another file
        found["gguf"] = {name: value for name, value in noted["gguf"].items() if name != "types"}
    return found


def _refuse_other_heads(model: Model, *, port: str) -> None:
    """BadRequest where config.json names a network that continues no text."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    named = config_json.read(model.path, port=port).get("architectures") or []
    known = set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
    wrong = [str(one) for one in named if str(one) not in known]
    if wrong and any(one.endswith(("Model", "Classification", "MaskedLM", "Answering")) for one in wrong):
        raise BadRequest(
            f"{port}: config.json says {wrong[0]}, which continues no text; give a causal language model "
            "(LlamaForCausalLM, Qwen2ForCausalLM, …)."
        )


def open_chat(model: Model, *, port: str) -> ChatTokenizer:
    """Tokenizer and chat template alone; BadRequest for files that transformers cannot load."""
    try:
        return ChatTokenizer.open(model.path)
    except Exception as error:
        # transformers raises some ten kinds of errors here
        raise BadRequest(
            f"{port}: transformers cannot load its tokenizer ({in_a_line(error, 160)}); take tokenizer.json "
            "and tokenizer_config.json from the same model."
        ) from error


def _turn_end(chat: ChatTokenizer, named: list[int]) -> int | None:
    """The token that the template puts behind an answer, else that which ends a text; None for neither."""
    tail = prompt.behind_answer(chat.templates, chat.special)
    ids = chat.tokenizer(tail, add_special_tokens=False)["input_ids"] if tail else []
    special = {number for number, token in chat.tokenizer.added_tokens_decoder.items() if token.special}
    of_template = [token for token in ids if token in named] or [token for token in ids if token in special]
    own = chat.tokenizer.eos_token_id
    return next(iter([*of_template, *([] if own is None else [own]), *named]), None)


def _generation(folder: Path) -> dict[str, Any]:
    """Content of generation_config.json; empty without one."""
    try:
        return dict(json.loads((folder / GENERATION).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _plain_settings(model: ChatModel) -> Any:
    """Generation settings that transformers can always write: ends and padding."""
    from transformers import GenerationConfig

    special: Mapping[str, Any] = {name: getattr(model.chat.tokenizer, f"{name}_id") for name in SPECIAL}
    return GenerationConfig(
        eos_token_id=list(model.ends),
        bos_token_id=special["bos_token"],
        pad_token_id=special["pad_token"],
    )
