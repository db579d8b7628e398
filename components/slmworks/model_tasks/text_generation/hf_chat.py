"""Tokenizer and chat template of a Hugging Face folder: token ids of a conversation, ends of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmworks.contract.model_task import Row
from slmworks.machine.quiet import quiet
from slmworks.model_tasks.text_generation import prompt

SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")


@dataclass(frozen=True)
class ChatTokenizer:
    """Token ids of prompts, the same in service and in training."""

    tokenizer: Any
    """transformers' tokenizer of the folder."""

    @classmethod
    def open(cls, folder: Path) -> "ChatTokenizer":
        """Load a folder's tokenizer, without a word on the terminal; never runs code from it."""
        with quiet():
            from transformers import AutoTokenizer

            found = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return cls(found)

    @property
    def templates(self) -> Mapping[str, str]:
        """Name -> chat template; empty for a model that doesn't chat."""
        said = self.tokenizer.chat_template or {}
        return said if isinstance(said, dict) else {prompt.DEFAULT: said}

    @property
    def special(self) -> Mapping[str, str]:
        """Role -> special token, of those that a template may name."""
        found = {name: getattr(self.tokenizer, name, None) for name in SPECIAL}
        return {name: token for name, token in found.items() if token is not None}

    def prompt(self, row: Row) -> str:
        """The text that is continued for a row; BadRequest as `prompt.prompt` says."""
        return prompt.prompt(row, self.templates, self.special)[0]

    def encode(self, row: Row) -> list[int]:
        """Token ids of a row's prompt; errors as in `prompt`."""
        text, templated = prompt.prompt(row, self.templates, self.special)
        return self.ids(text, around=not templated)

    def ids(self, text: str, *, around: bool) -> list[int]:
        """Token ids of a text; `around`: with the tokens that come before and behind one by themselves."""
        return list(self.tokenizer(text, add_special_tokens=around)["input_ids"])


def ends_of(net: Any, tokenizer: Any) -> list[int]:
    """Every end of an answer that a folder names: in its generation settings, and its tokenizer's."""
    found: list[int] = []
    for said in (net.generation_config.eos_token_id, tokenizer.eos_token_id):
        found += said if isinstance(said, (list, tuple)) else [] if said is None else [said]
    return list(dict.fromkeys(map(int, found)))
