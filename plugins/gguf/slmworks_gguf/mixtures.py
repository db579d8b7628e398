"""Which tensor gets which type: llama.cpp's mixtures, and what it falls back to.

Rule of `llama-quantize` (ggml-org/llama.cpp, src/llama-quant.cpp: `llama_tensor_get_type_impl` and
`tensor_type_fallback`), for the dense architectures that are written here. `attn_qkv` (phi3) counts as
`attn_v`, as it does there. Not taken over: its output table of 6 bits for the types of 32 weights a block,
which here is q8_0.

- q3_k_m: attn_v Q5_K in the first two layers, then Q4_K; ffn_down Q5_K in the first sixteenth, then Q4_K;
  attn_output Q4_K.
- q4_k_m, q5_k_m: attn_v and ffn_down Q6_K in the first and the last eighth of the layers and in every third
  between.
- iq4_nl: attn_v Q5_K where four heads or more share one; ffn_down Q5_K in the first eighth, unless
  calibrated.
- q4_0, q5_0: where calibrated, ffn_down Q4_1 and Q5_1 in the first eighth.
- the output table (the vocabulary's one table, if it is tied): Q6_K.
"""

import re
from dataclasses import dataclass
from typing import Any

from slmworks_gguf.gguf_file import GgufFile, Tensor

BASE = {
    "q8_0": "Q8_0",
    "q6_k": "Q6_K",
    "q5_k_m": "Q5_K",
    "q5_1": "Q5_1",
    "q5_0": "Q5_0",
    "q4_k_m": "Q4_K",
    "iq4_nl": "IQ4_NL",
    "q4_1": "Q4_1",
    "q4_0": "Q4_0",
    "q3_k_m": "Q3_K",
}
"""Type of a file -> type of most of its matrices."""
SMALLER = {"Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
"""Type of 256 weights a block -> the one of 32 in its place, where rows are no multiple of 256."""
PLAIN_TYPES = ("q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
"""Types of a file whose tables are Q8_0."""
OUTPUT, TABLE = "output.weight", "token_embd.weight"
"""The two tables of the vocabulary: what a rounded weight costs most, and what has rows for rare tokens."""
_BLOCK = re.compile(r"blk\.(\d+)\.(\w+)\.weight")


@dataclass(frozen=True)
class Choice:
    """The type of one tensor."""

    type: str
    wanted: str
    """What the mixture asks for; another one where rows are no multiple of its block."""


def choices(file: GgufFile, kind: str, *, calibrated: bool) -> list[Choice]:
    """The type of each tensor in a file of type `kind` (`q4_k_m`); F32 for what is no matrix of blocks."""
    return [_choice(file, tensor, kind, calibrated=calibrated) for tensor in file.tensors]


def _choice(file: GgufFile, tensor: Tensor, kind: str, *, calibrated: bool) -> Choice:
    if len(tensor.shape) != 2 or tensor.shape[-1] % 32 or not tensor.name.endswith(".weight"):
        return Choice("F32", "F32")
    wanted = _wanted(file, tensor.name, kind, calibrated=calibrated)
    fits = not tensor.shape[-1] % 256 or wanted not in SMALLER
    return Choice(wanted if fits else SMALLER[wanted], wanted)


def _wanted(file: GgufFile, name: str, kind: str, *, calibrated: bool) -> str:
    if name in (OUTPUT, TABLE) and kind in PLAIN_TYPES:
        return "Q8_0"
    tied = all(tensor.name != OUTPUT for tensor in file.tensors)
    if name == OUTPUT or (name == TABLE and tied):
        return "Q6_K"
    found = _BLOCK.fullmatch(name)
    if found is None:
        return BASE[kind]
    layer, part = int(found[1]), "attn_v" if found[2] == "attn_qkv" else found[2]
    return _in_block(kind, part, layer, file, calibrated=calibrated)


def _in_block(kind: str, part: str, layer: int, file: GgufFile, *, calibrated: bool) -> str:
    """The type of a matrix of one layer."""
    layers = _number(file, "block_count")
    early, base = layer < layers // 8, BASE[kind]
    if kind == "q3_k_m":
        first = {"attn_v": 2, "ffn_down": layers // 16, "attn_output": 0}.get(part)
        return base if first is None else "Q5_K" if layer < first else "Q4_K"
    if kind in ("q4_k_m", "q5_k_m") and part in ("attn_v", "ffn_down"):
        late, third = layer >= 7 * layers // 8, (layer - layers // 8) % 3 == 2
        return "Q6_K" if early or late or third else base
    if kind == "iq4_nl" and part == "attn_v":
        heads = _number(file, "attention.head_count")
        return "Q5_K" if heads >= 4 * _number(file, "attention.head_count_kv", heads) else base
    if early and part == "ffn_down" and calibrated:
        return {"q4_0": "Q4_1", "q5_0": "Q5_1"}.get(kind, base)
    return "Q5_K" if early and part == "ffn_down" and kind == "iq4_nl" else base


def _number(file: GgufFile, key: str, otherwise: int = 0) -> int:
    found: Any = file.metadata.get(f"{file.architecture}.{key}", otherwise)
    return int(found)
