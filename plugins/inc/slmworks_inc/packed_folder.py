"""A folder of format `inc`: a causal language model with linear layers that Neural Compressor packed.

config.json and the tokenizer are those of the Hugging Face folder; model.safetensors holds packed layers in
place of weights, and inc.json says how they are packed. Neural Compressor's own save is not used: it adds a
bias of zeros and a float8 scale to each layer, rounds real biases to float16, writes tied tables twice, and
calls the folder GPTQ, which transformers loads with another library only. Layers without zero points are
packed as AutoGPTQ's are, and config.json says so: transformers opens such a folder where `auto-round` is
installed.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, in_a_line

SETTINGS, WEIGHTS = "inc.json", "model.safetensors"
COMPANIONS = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
"""Files that are taken over, beside chat templates and what the tokenizer is written in otherwise."""
_PATTERNS = ("*.jinja", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "*.model")
_PACKED = ("qweight", "qzeros", "scales")


@dataclass(frozen=True)
class Packed:
    """How the layers of a folder are packed."""

    bits: int
    group_size: int
    """Weights that share a scale."""
    sym: bool
    """Without a zero point."""
    layers: Mapping[str, tuple[int, int]]
    """Path of a module -> its width: what it reads, what it gives."""
    eights: tuple[str, ...] = ()
    """Paths of those that have 8 bits, whatever `bits` says."""

    def bits_of(self, name: str) -> int:
        """Bits a weight of a layer."""
        return 8 if name in self.eights else self.bits


def write(network: Any, packed: Packed, source: Path, target: Path) -> None:
    """Write a converted network, with the tokenizer and configuration of the folder `source`."""
    from safetensors.torch import save_file

    for pattern in (*COMPANIONS, *_PATTERNS):
        for path in source.glob(pattern):
            shutil.copyfile(path, target / path.name)
    tied = set(tied_keys(network))
    kept = {
        name: tensor.contiguous()
        for name, tensor in network.state_dict().items()
        if name not in tied and not name.endswith(".scale_bf16_to_fp8")
    }
    save_file(dict(sorted(kept.items())), target / WEIGHTS, metadata={"format": "pt"})
    text = json.dumps(asdict(packed), indent=1, sort_keys=True) + "\n"
    (target / SETTINGS).write_text(text, encoding="utf-8")
    if packed.sym:
        said = json.loads((target / "config.json").read_text(encoding="utf-8"))
        said["quantization_config"] = _for_transformers(network, packed)
        text = json.dumps(said, indent=2, sort_keys=True) + "\n"
        (target / "config.json").write_text(text, encoding="utf-8")


def _for_transformers(network: Any, packed: Packed) -> dict[str, Any]:
    """What transformers' reader of auto-round has to know: where packed layers are, and which differ."""
    import torch

    blocks = re.split(r"\.\d+\.", min(packed.layers))[0]
    whole = [
        name
        for name, part in network.named_modules()
        if isinstance(part, torch.nn.Linear) and name.startswith(f"{blocks}.")
    ]
    return {
        "quant_method": "auto-round",
        "packing_format": "auto_round:auto_gptq",
        "data_type": "int",
        "bits": packed.bits,
        "group_size": packed.group_size,
        "sym": packed.sym,
        "block_name_to_quantize": blocks,
        "extra_config": {
            **{name: {"bits": 16, "data_type": "float"} for name in whole},
            **{name: {"bits": 8} for name in packed.eights},
        },
    }


def read(folder: Path) -> Any:
    """The network of a folder, its layers as Neural Compressor's module unpacks them; in evaluation mode.

    BadRequest for a folder that isn't whole.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    import torch
    from slmworks.machine.quiet import quiet

    packed = settings(folder)
    with quiet(), torch.no_grad():
        network = _empty(folder)
        for name, size in packed.layers.items():
            _replace(network, name, size, packed)
        try:
            said = network.load_state_dict(load_file(folder / WEIGHTS), strict=False)
        except (OSError, RuntimeError, SafetensorError) as error:
            raise BadRequest(f"{WEIGHTS}: it does not fit {SETTINGS} ({in_a_line(error, 200)}).") from error
        missing = set(said.missing_keys) - set(tied_keys(network))
        missing = {name for name in missing if not name.endswith(".scale_bf16_to_fp8")}
        if missing or said.unexpected_keys:
            first = min((*missing, *said.unexpected_keys))
            raise BadRequest(f"{WEIGHTS}: it does not fit {SETTINGS} ({first}); make it anew.")
        network.tie_weights()
    return network.eval()


def settings(folder: Path) -> Packed:
    """Content of inc.json; BadRequest for a folder without it, or with another kind of it."""
    try:
        said = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        layers = {str(name): (int(one), int(other)) for name, (one, other) in said["layers"].items()}
        eights = tuple(map(str, said.get("eights", ())))
        return Packed(int(said["bits"]), int(said["group_size"]), bool(said["sym"]), layers, eights)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRequest(
            f"{SETTINGS}: it does not say how the layers are packed ({in_a_line(error, 100)}); make the "
            "model anew with the quantizer that it came from."
        ) from error


def tied_keys(network: Any) -> Iterator[str]:
    """Names of weights that are another's: those of the output table where it is tied."""
    if network.config.tie_word_embeddings:
        yield from network.all_tied_weights_keys


def _empty(folder: Path) -> Any:
    """The network of config.json in float32, with weights of no meaning."""
    from transformers import AutoConfig

    import torch
    from slmworks.model_tasks.hf_text import auto_class

    head = auto_class("AutoModelForCausalLM")
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # of another reader
    network = head.from_config(config, dtype=torch.float32, trust_remote_code=False)
    if (folder / "generation_config.json").is_file():
        from transformers import GenerationConfig

        network.generation_config = GenerationConfig.from_pretrained(folder, local_files_only=True)
    return network


def _replace(network: Any, name: str, size: tuple[int, int], packed: Packed) -> None:
    """Neural Compressor's module in place of a linear layer."""
    from neural_compressor.torch.algorithms.weight_only.modules import INCWeightOnlyLinear

    parent, _, last = name.rpartition(".")
    try:
        holder = network.get_submodule(parent)
        whole = getattr(holder, last)
    except AttributeError as error:
        raise BadRequest(f"{SETTINGS}: the network of config.json has no layer {name}.") from error
    made = INCWeightOnlyLinear(
        *size,
        bits=packed.bits_of(name),
        group_size=packed.group_size,
        zp=True,
        bias=True,
        use_optimum_format=True,
    )
    made.bias = whole.bias
    setattr(holder, last, made)
