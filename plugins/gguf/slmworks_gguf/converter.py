"""llama.cpp's converter on a folder of ours: a Hugging Face folder as one GGUF file.

The converter names a tokenizer's pre-tokenizer by a hash of what it makes of one text, so it knows those of
published models only, and none whose vocabulary was changed. Here the name is handed over.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, TaskFailed, in_a_line
from slmworks_gguf import architectures, gguf_metadata, network, pre_tokenizers
from slmworks_gguf.memory import give_back


def check(folder: Path, *, at: str) -> None:
    """BadRequest for a folder that cannot become a GGUF file."""
    settings = network.settings(folder)
    architectures.class_of(settings, at=at)
    architectures.check_computed(network.configuration(folder, at=at), at=at)
    if settings.get("quantization_config"):
        raise BadRequest(f"{at}: its weights are quantized already; give the step the model before that.")
    if not (folder / "tokenizer.json").is_file():
        raise BadRequest(f"{at}: it has no tokenizer.json; save its tokenizer as a fast one of transformers.")
    said = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    if said["model"]["type"] != "BPE" or said["model"].get("byte_fallback"):
        kind = said["model"]["type"] + (" with byte fallback" if said["model"].get("byte_fallback") else "")
        raise BadRequest(f"{at}: its tokenizer is {kind}; known: byte-level BPE.")


def rule_of(folder: Path, named: str, *, at: str) -> str:
    """The name of a folder's pre-tokenizer: as an import noted it, as the converter knows it, or by its rule.

    Nothing is guessed: a name that is noted or read off the rule is one of `pre_tokenizers.RULES`, and the
    proof after the export compares what it splits.
    """
    found = named or _known_to_converter(folder) or pre_tokenizers.recognised(folder)
    if not found:
        raise BadRequest(
            f"{at}: llama.cpp has no name for how its tokenizer splits text (tokenizer.json, pre_tokenizer); "
            f"known: {', '.join(sorted(pre_tokenizers.RULES))}. A model imported from GGUF carries its name "
            "in meta['gguf']['pre']."
        )
    return found


def _known_to_converter(folder: Path) -> str:
    from conversion.base import TextModel
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    quiet()
    try:
        return str(TextModel.get_vocab_base_pre(None, tokenizer))
    except NotImplementedError:
        return ""


def write(
    folder: Path,
    file: Path,
    *,
    kind: str,
    rule: str,
    general: Mapping[str, str],
    scratch: Path,
    longest_answer: int | None = None,
) -> None:
    """Write the model of `folder` as the GGUF `file`, of type `f32` or `f16`.

    `general`: facts of the model (name, licence, …); `longest_answer`: its tokens at most. The file names no
    machine: the same folder gives the same bytes.
    """
    import gguf
    import torch

    quiet()
    view = _view(folder, scratch)
    types = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16}
    name = architectures.class_of(network.settings(folder), at=folder.name)
    try:
        with torch.inference_mode():
            _class(name, rule, general, longest_answer)(view, types[kind], file, model_name="model").write()
        give_back()
    except BadRequest:
        raise
    except Exception as error:
        raise TaskFailed(f"export: llama.cpp's converter failed ({in_a_line(error, 300)}).") from error


def _view(folder: Path, scratch: Path) -> Path:
    """The folder under a name that says nothing: the converter writes facts about the model from a name."""
    view = scratch / "model"
    view.mkdir()
    patterns = (
        "*config.json",
        "tokenizer.json",
        "*.jinja",
        "*.safetensors",
        "*.safetensors.index.json",
        "additional_chat_templates",
    )
    for pattern in patterns:
        for path in folder.glob(pattern):
            (view / path.name).symlink_to(path)
    return view


def _class(name: str, rule: str, general: Mapping[str, str], longest_answer: int | None) -> Any:
    """The converter's class of an architecture, with our name of the pre-tokenizer and our facts."""
    from conversion import get_model_class

    found: Any = get_model_class(name)

    class Ours(found):  # type: ignore[misc]
        model_arch = found.model_arch

        def get_vocab_base_pre(self, tokenizer: Any) -> str:
            return rule

        def set_vocab(self) -> None:
            self._set_vocab_gpt2()

        def write(self) -> None:
            self.prepare_tensors()
            self.prepare_metadata(vocab_only=False)
            for key, value in general.items():
                self.gguf_writer.add_string(f"general.{key}", value)
            if longest_answer is not None:
                self.gguf_writer.add_uint32(gguf_metadata.LONGEST_ANSWER, longest_answer)
            _name_ends(self.gguf_writer, self.dir_model)
            self.gguf_writer.write_header_to_file(path=self.fname_out)
            self.gguf_writer.write_kv_data_to_file()
            self.gguf_writer.write_tensors_to_file(progress=False)
            self.gguf_writer.close()

    return Ours


def _name_ends(writer: Any, folder: Path) -> None:
    """Name every token that ends an answer in the folder's generation settings: GGUF has three places.

    The converter writes the tokenizer's only, and a model would go on where it ended in training.
    """
    path = folder / "generation_config.json"
    said = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id") if path.is_file() else None
    ends = said if isinstance(said, list) else [] if said is None else [said]
    keys = {role: f"tokenizer.ggml.{role}_token_id" for role in ("eos", "eot", "eom")}
    metadata = writer.kv_data[0]
    written = {role: int(metadata[key].value) for role, key in keys.items() if key in metadata}
    missing = [int(end) for end in dict.fromkeys(ends) if end not in written.values()]
    free = [role for role in keys if role not in written]
    if len(missing) > len(free):
        raise BadRequest(
            f"export: generation_config.json names {len(ends)} tokens that end an answer, and a GGUF file "
            f"has room for {len(keys)} with the tokenizer's own; name fewer."
        )
    for role, token in zip(free, missing, strict=False):
        writer.add_uint32(keys[role], token)


def quiet() -> None:
    """Keep the converter's diary and warnings off the terminal; its errors are raised."""
    for name in ("hf-to-gguf", "gguf", "gguf.gguf_writer", "gguf.vocab", "metadata"):
        logging.getLogger(name).setLevel(logging.ERROR)
