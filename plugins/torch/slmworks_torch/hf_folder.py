"""Hugging Face folders in and out: safetensors and `tokenizer.json`, never anyone's code."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks_torch import positions
from slmworks_torch.batches import Encoded, encode

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Classifier:
    """A network with one logit a label, the tokenizer that feeds it, and how many tokens it reads."""

    net: Any
    tokenizer: "Tokenizer"
    max_length: int
    settings: dict[str, Any]
    """What tokenizer_config.json said."""

    @property
    def parameters(self) -> int:
        """How many numbers the network holds."""
        return sum(weight.numel() for weight in self.net.parameters())

    @property
    def meta(self) -> dict[str, Any]:
        """What a Model artifact says about it."""
        return {
            "task": "classification",
            "labels": list(self.net.config.label2id),
            "max_length": self.max_length,
            "parameters": self.parameters,
        }

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Texts as token ids, cut to `max_length`; the attention mask hides the padding."""
        pad = int(self.net.config.pad_token_id or 0)
        return encode(self.tokenizer, texts, max_length=self.max_length, pad=pad)

    def save(self, folder: Path) -> None:
        """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json into `folder`.

        The tokenizer neither pads nor cuts by itself: whoever serves it says how, from `max_length`.
        """
        self.net.eval().save_pretrained(folder)
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.tokenizer.save(str(folder / "tokenizer.json"))
        # ids and paths of another vocabulary or machine: tokenizer.json says what holds
        stale = ("added_tokens_decoder", "name_or_path", "tokenizer_file", "vocab_file")
        settings = {name: value for name, value in self.settings.items() if name not in stale}
        settings["model_max_length"] = self.max_length
        text = json.dumps(settings, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")


def read_config(folder: Path, *, port: str) -> dict[str, Any]:
    """The folder's config.json; BadRequest names the port it came through."""
    try:
        return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BadRequest(
            f"{port}: not a Hugging Face model folder ({type(error).__name__}: config.json); "
            "point at the folder that has config.json and model.safetensors."
        ) from None


def labels_of(model: Model, *, port: str) -> list[str]:
    """The labels of a classifier in the order of its logits; empty for a bare encoder."""
    if model.labels:
        return model.labels
    config = read_config(model.path, port=port)
    kinds = config.get("architectures") or []
    if not any(str(kind).endswith("ForSequenceClassification") for kind in kinds):
        return []
    names = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    return [str(names[key]) for key in sorted(names, key=int)]


def load_classifier(
    model: Model, labels: list[str], *, port: str, max_length: int | None = None
) -> Classifier:
    """The model with one logit a label, float32, in evaluation mode.

    A head of the same labels is kept; otherwise a new one is drawn from torch's random state. Without
    `max_length` it is the model's own, else all its positions. BadRequest when the folder is unusable
    or lacks weights of the encoder, or `max_length` is more than it has positions.
    """
    tokenizer = _tokenizer(model, port=port)
    net = _network(model, labels, port=port)
    wanted = max_length or int(model.meta.get("max_length") or positions.count(net) or 512)
    refuse_length(net, wanted, port=port)
    beside = model.path / "tokenizer_config.json"
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if beside.exists():
        settings = json.loads(beside.read_text(encoding="utf-8"))
    return Classifier(net, tokenizer, wanted, settings)


def refuse_length(net: Any, max_length: int, *, port: str) -> None:
    """BadRequest where texts would be longer than the network has positions."""
    most = positions.count(net)
    if 0 < most < max_length:
        raise BadRequest(
            f"max_length: {max_length} tokens are more than the {most} that the {port} can take."
        )


def _network(model: Model, labels: list[str], *, port: str) -> Any:
    from transformers import AutoModelForSequenceClassification as Auto

    import torch

    known = labels_of(model, port=port)
    try:
        loaded, gaps = Auto.from_pretrained(
            model.path,
            id2label=dict(enumerate(labels)),
            label2id={label: number for number, label in enumerate(labels)},
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            local_files_only=True,
            output_loading_info=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except Exception as error:
        # transformers raises some ten kinds of errors here, from KeyError to SafetensorError
        raise BadRequest(
            f"{port}: cannot be loaded as a classifier ({type(error).__name__}: {_first_line(error)}); "
            "it takes a Hugging Face encoder with safetensors that transformers knows."
        ) from error
    _refuse_gaps(loaded, gaps, port=port)
    if known and known != labels:
        fresh = Auto.from_config(loaded.config)
        fresh.base_model.load_state_dict(loaded.base_model.state_dict())
        loaded = fresh
    return loaded.eval()


def _refuse_gaps(model: Any, gaps: dict[str, Any], *, port: str) -> None:
    """Only a head and its pooler may be new; an encoder that isn't in the file would be random."""
    names = {str(name) for name in gaps["missing_keys"]}
    names |= {str(entry[0]) for entry in gaps["mismatched_keys"]}
    encoder = sorted(
        name for name in names if name.startswith(f"{model.base_model_prefix}.") and "pooler" not in name
    )
    if encoder:
        raise BadRequest(
            f"{port}: model.safetensors doesn't hold {encoder[0]} ({len(encoder)} such weights) as "
            "config.json describes it; take both files from the same model."
        )


def _tokenizer(model: Model, *, port: str) -> "Tokenizer":
    from tokenizers import Tokenizer

    path = model.path / "tokenizer.json"
    if not path.exists():
        raise BadRequest(
            f"{port}: the folder has no tokenizer.json; write one with "
            "transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder)."
        )
    return Tokenizer.from_file(str(path))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:200]
