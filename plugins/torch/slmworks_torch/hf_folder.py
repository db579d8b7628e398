"""Hugging Face folders in and out: safetensors and `tokenizer.json`, never code."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, in_a_line
from slmworks.model_tasks import hf_positions as positions
from slmworks.model_tasks.onnx_text import open_tokenizer
from slmworks_torch import networks, soundness
from slmworks_torch.batches import Encoded, encode

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LONGEST = 512
"""Tokens that a network reads where neither its header nor its positions limit them."""


@dataclass(frozen=True)
class TextNetwork:
    """A transformers network with any head, its tokenizer, and the number of tokens it reads."""

    net: Any
    head: str
    """Name of the transformers auto class."""
    tokenizer: "Tokenizer"
    max_length: int
    """Tokens after which a text is cut, special tokens included."""
    settings: dict[str, Any]
    """Content of tokenizer_config.json."""

    @property
    def pad(self) -> int:
        """Id of the token that fills a batch up."""
        return int(getattr(self.net.config, "pad_token_id", None) or 0)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.net.parameters())

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Texts as token ids, cut to `max_length`; the attention mask hides the padding."""
        return encode(self.tokenizer, texts, max_length=self.max_length, pad=self.pad)

    def save(self, folder: Path) -> None:
        """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json into `folder`.

        The tokenizer neither pads nor cuts by itself: a runtime sets both, from `max_length`. Only where a
        runtime would take another padding token than the network was trained with is it written down.
        """
        self.net.eval().save_pretrained(folder)
        self._save_tokenizer(folder)
        # ids and paths of another vocabulary or machine: tokenizer.json says what holds
        stale = ("added_tokens_decoder", "name_or_path", "tokenizer_file", "vocab_file")
        settings = {name: value for name, value in self.settings.items() if name not in stale}
        settings["model_max_length"] = self.max_length
        text = json.dumps(settings, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")

    def _save_tokenizer(self, folder: Path) -> None:
        path = folder / "tokenizer.json"
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.tokenizer.save(str(path))
        served = open_tokenizer(folder, self.max_length).padding or {}
        if served.get("pad_id") != self.pad:
            token = self.tokenizer.id_to_token(self.pad) or "[PAD]"
            self.tokenizer.enable_padding(pad_id=self.pad, pad_token=token)
            self.tokenizer.save(str(path))
            self.tokenizer.no_padding()


def load(
    model: Model,
    head: str,
    *,
    port: str,
    max_length: int | None = None,
    usual: int | None = None,
    new_head: bool = True,
    **settings: Any,
) -> TextNetwork:
    """Load a model with a head, float32, in evaluation mode.

    Without `max_length` it is the model's own, else all its positions, but no more than `usual`. `new_head`
    and `settings` as in `networks.network`. BadRequest when the folder is unusable (`soundness`), or
    `max_length` is more than it has positions.
    """
    tokenizer = read_tokenizer(model, port=port)
    net = networks.network(model, head, port=port, new_head=new_head, **settings)
    most = positions.count(net) or usual or LONGEST
    wanted = max_length or int(model.meta.get("max_length") or min(most, usual or most))
    refuse_length(net, wanted, port=port)
    loaded = TextNetwork(net, head, tokenizer, wanted, _settings(model.path, port=port))
    soundness.check(loaded, port=port)
    return loaded


def refuse_length(net: Any, max_length: int, *, port: str) -> None:
    """BadRequest where texts would be longer than the network has positions."""
    most = positions.count(net)
    if 0 < most < max_length:
        raise BadRequest(
            f"max_length: {max_length} tokens are more than the {most} that the {port} can take."
        )


def _settings(folder: Path, *, port: str) -> dict[str, Any]:
    """Content of the folder's tokenizer_config.json, or of one that says as little as possible."""
    path = folder / "tokenizer_config.json"
    if not path.exists():
        return {"tokenizer_class": "PreTrainedTokenizerFast"}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BadRequest(
            f"{port}: tokenizer_config.json is no JSON object ({in_a_line(error, 100)}); mend it, or take it "
            "away: tokenizer.json says all that is needed."
        ) from None


def read_tokenizer(model: Model, *, port: str) -> "Tokenizer":
    """Read the folder's tokenizer.json; BadRequest names the port where there is none, or no sound one."""
    from tokenizers import Tokenizer

    path = model.path / "tokenizer.json"
    if not path.exists():
        raise BadRequest(
            f"{port}: the folder has no tokenizer.json; write one with "
            "transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder)."
        )
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:
        # tokenizers raises Exception itself
        raise BadRequest(
            f"{port}: tokenizer.json cannot be read ({in_a_line(error, 120)}); "
            "take the one that the model came with."
        ) from error
