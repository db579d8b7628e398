"""Hugging Face folders of causal language models: configuration, network, tokenizer."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest, in_a_line
from slmworks_gguf import architectures

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def settings(folder: Path) -> dict[str, Any]:
    """Content of config.json."""
    said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if not isinstance(said, dict):
        raise BadRequest("config.json: not a Hugging Face configuration.")
    return said


def configuration(folder: Path, *, at: str) -> Any:
    """A folder's configuration, with defaults; BadRequest for one that transformers doesn't take."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        # configurations check themselves with errors of their own
        raise BadRequest(
            f"{at}: transformers does not take its config.json ({in_a_line(error, 160)}); take it from the "
            "model that the weights are of."
        ) from error


def load(folder: Path, *, threads: int) -> Any:
    """The network in float32 for evaluation, its weights mapped from the file; never anyone's code."""
    import transformers
    from safetensors.torch import load_file
    from transformers.utils import logging

    import torch

    logging.disable_progress_bar()
    torch.set_num_threads(threads)
    config = configuration(folder, at=folder.name)
    config.dtype = torch.float32
    weights = {}
    for path in sorted(folder.glob("*.safetensors")):
        weights.update(load_file(path))
    name = architectures.class_of(config.to_dict(), at=folder.name)
    network = getattr(transformers, name).from_pretrained(
        None, config=config, state_dict=weights, dtype=torch.float32, attn_implementation="eager"
    )
    return network.eval()


def tokenizers_of(folder: Path) -> dict[str, "Tokenizer"]:
    """The tokenizer as tokenizer.json has it, and as transformers takes it from the folder.

    The two can differ: for some architectures transformers keeps the vocabulary and puts a rule of its own.
    """
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    taken = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    file = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return {"tokenizer.json": file, "transformers' tokenizer": taken.backend_tokenizer}


def templates(folder: Path) -> dict[str, str]:
    """Name -> chat template, wherever the folder has them; the one without a name is `default`."""
    from transformers import AutoTokenizer

    found = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    ).chat_template
    return dict(found) if isinstance(found, dict) else {"default": found} if found else {}
