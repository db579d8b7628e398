"""Which tensor gets which type, as llama.cpp's own tool mixes them."""

from pathlib import Path

import pytest

from slmworks_gguf import mixtures
from slmworks_gguf.gguf_file import GgufFile, Tensor

PARTS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def file(layers: int, *, width: int = 256, tied: bool = True, shared: int = 2, qkv: bool = False) -> GgufFile:
    """A header with so many layers, all matrices `width` wide."""
    parts = ("attn_qkv", *PARTS[3:]) if qkv else PARTS
    names = [f"blk.{layer}.{part}.weight" for layer in range(layers) for part in parts]
    names += ["token_embd.weight", *([] if tied else ["output.weight"])]
    metadata = {
        "general.architecture": "llama",
        "llama.block_count": layers,
        "llama.attention.head_count": 8,
        "llama.attention.head_count_kv": 8 // shared,
    }
    tensors = [Tensor(name, (width, width), 0, 0) for name in names]
    tensors.append(Tensor("blk.0.attn_norm.weight", (width,), 0, 0))
    return GgufFile(Path("m.gguf"), metadata, {}, tuple(tensors))


def types(given: GgufFile, kind: str, *, calibrated: bool = False) -> dict[str, str]:
    found = mixtures.choices(given, kind, calibrated=calibrated)
    return {one.name: choice.type for one, choice in zip(given.tensors, found, strict=True)}


def layers_with(found: dict[str, str], part: str, kind: str) -> list[int]:
    return [int(name.split(".")[1]) for name, one in found.items() if f".{part}." in name and one == kind]


MORE = [0, 1, 2, 5, 8, 11, 14, 17, 20, 21, 22, 23]
"""Of 24 layers those with more bits: the first eighth, the last, and every third between."""


@pytest.mark.parametrize(("kind", "base"), [("q4_k_m", "Q4_K"), ("q5_k_m", "Q5_K")])
def test_m_gives_six_bits_to_values_and_downs_of_half_the_layers(kind: str, base: str) -> None:
    found = types(file(24), kind)
    for part in PARTS:
        six = layers_with(found, part, "Q6_K")
        assert six == (MORE if part in ("attn_v", "ffn_down") else [])
        assert len(six) + len(layers_with(found, part, base)) == 24
    assert found["blk.0.attn_norm.weight"] == "F32"


def test_a_fused_attention_counts_as_its_values() -> None:
    found = types(file(24, qkv=True), "q4_k_m")
    assert layers_with(found, "attn_qkv", "Q6_K") == MORE


def test_three_bits_are_mixed_with_four_and_five() -> None:
    found = types(file(32), "q3_k_m")
    assert layers_with(found, "attn_v", "Q5_K") == [0, 1]
    assert layers_with(found, "attn_v", "Q4_K") == list(range(2, 32))
    assert layers_with(found, "ffn_down", "Q5_K") == [0, 1]
    assert layers_with(found, "attn_output", "Q4_K") == list(range(32))
    for part in ("attn_q", "attn_k", "ffn_gate", "ffn_up"):
        assert layers_with(found, part, "Q3_K") == list(range(32))


def test_calibrated_four_bits_start_with_five() -> None:
    assert layers_with(types(file(24), "q4_0", calibrated=True), "ffn_down", "Q4_1") == [0, 1, 2]
    assert layers_with(types(file(24), "q5_0", calibrated=True), "ffn_down", "Q5_1") == [0, 1, 2]
    assert layers_with(types(file(24), "q4_0"), "ffn_down", "Q4_1") == []
    assert layers_with(types(file(24), "iq4_nl"), "ffn_down", "Q5_K") == [0, 1, 2]
    assert layers_with(types(file(24), "iq4_nl", calibrated=True), "ffn_down", "Q5_K") == []


def test_values_that_four_heads_share_have_more_bits() -> None:
    assert layers_with(types(file(8, shared=4), "iq4_nl"), "attn_v", "Q5_K") == list(range(8))
    assert layers_with(types(file(8, shared=2), "iq4_nl"), "attn_v", "Q5_K") == []


@pytest.mark.parametrize(
    ("kind", "tied", "table"),
    [
        ("q4_k_m", True, "Q6_K"),
        ("q4_k_m", False, "Q4_K"),
        ("q3_k_m", False, "Q3_K"),
        ("iq4_nl", True, "Q6_K"),
        ("q4_0", True, "Q8_0"),
        ("q4_0", False, "Q8_0"),
    ],
)
def test_the_output_table_has_six_bits_or_eight(kind: str, tied: bool, table: str) -> None:
    found = types(file(2, tied=tied), kind)
    assert found["token_embd.weight"] == table
    assert found.get("output.weight", "Q6_K") == ("Q8_0" if kind == "q4_0" and not tied else "Q6_K")


def test_rows_of_no_multiple_of_256_get_the_type_of_32_in_its_place() -> None:
    narrow = file(2, width=576)
    for kind, small in (("q6_k", "Q8_0"), ("q5_k_m", "Q5_1"), ("q4_k_m", "Q5_0"), ("q3_k_m", "Q4_0")):
        found = types(narrow, kind)
        assert found["blk.0.attn_q.weight"] == small
        assert found["token_embd.weight"] == "Q8_0"
    found = mixtures.choices(narrow, "q4_k_m", calibrated=False)
    assert sum(one.type != one.wanted for one in found) == 15
    assert types(narrow, "iq4_nl")["blk.0.attn_q.weight"] == "IQ4_NL"
    assert set(types(file(2, width=40), "q4_k_m").values()) == {"F32"}
