"""What llama.cpp computes another way than transformers is refused before it is written, or kept from it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import exported, imported, rewritten, toy

import torch
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime
from slmworks.testing import Bench
from slmworks_gguf import converter, gguf_file, gguf_metadata, network
from slmworks_gguf.llama_cpp import opened

WINDOW = {"sliding_window": 200}
"""Texts of a proof don't reach as far."""
QWEN = {**WINDOW, "use_sliding_window": True, "max_window_layers": 1}


def checked(folder: Path, kind: str, **changed: Any) -> str:
    """What an export says of a toy before it writes anything."""
    model = toy(folder / "model", kind, rule="qwen2" if "qwen" in kind else "smollm", **changed)
    try:
        converter.check(model.path, at="export")
    except BadRequest as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("kind", "changed"), [("mistral", WINDOW), ("phi3", WINDOW), ("qwen2", QWEN), ("qwen3", QWEN)]
)
def test_a_window_that_llama_cpp_forgets_is_refused(
    kind: str, changed: dict[str, Any], tmp_path: Path
) -> None:
    assert checked(tmp_path, kind, **changed) == (
        "export: config.json has a sliding window of 200 tokens, and llama.cpp computes this architecture "
        "without one; lower max_position_embeddings (256) to 200."
    )


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("phi3", {**WINDOW, "max_position_embeddings": 200, "original_max_position_embeddings": 200}),
        ("qwen2", WINDOW),
        ("qwen2", {**QWEN, "max_window_layers": 2}),
    ],
    ids=["no longer text", "not used", "in no layer"],
)
def test_a_window_that_nothing_feels_is_none(kind: str, changed: dict[str, Any], tmp_path: Path) -> None:
    assert checked(tmp_path, kind, **changed) == ""


@pytest.mark.parametrize(
    ("kind", "changed", "line"),
    [
        (
            "llama",
            {"hidden_act": "gelu"},
            'hidden_act: "gelu", and llama.cpp computes LlamaForCausalLM with "silu"',
        ),
        (
            "qwen3",
            {"attention_bias": True},
            "attention_bias: true, and llama.cpp computes Qwen3ForCausalLM with false",
        ),
        ("gemma2", {"query_pre_attn_scalar": 64}, "query_pre_attn_scalar: 64, and llama.cpp computes"),
        (
            "gemma2",
            {"final_logit_softcapping": None},
            "final_logit_softcapping: null, and llama.cpp computes",
        ),
        (
            "qwen2",
            {"head_dim": 8},
            "4 heads of 8 and hidden_size: 64, and llama.cpp loads Qwen2ForCausalLM only where heads fill that",
        ),
        ("phi3", {"head_dim": 8}, "4 heads of 8 and hidden_size: 64, and llama.cpp loads Phi3ForCausalLM"),
        ("gemma2", {"hidden_activation": "gelu"}, 'hidden_activation: "gelu", and llama.cpp computes'),
    ],
)
def test_another_function_is_refused_by_its_name(
    kind: str, changed: dict[str, Any], line: str, tmp_path: Path
) -> None:
    said = checked(tmp_path, kind, **changed)
    assert line in said
    assert "\n" not in said


def test_a_file_of_phi_3_is_taken_over_without_a_window_as_llama_cpp_computes_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    file = exported(toy(tmp_path / "model", "phi3"), bench)
    (tmp_path / "windowed").mkdir()
    key = "phi3.attention.sliding_window"
    named = rewritten(
        file.path / "model.gguf", tmp_path / "windowed" / "model.gguf", lambda said: said.update({key: 40})
    )
    back = imported(replace(file, path=named.parent), bench)
    network_of_it = network.load(back.path, threads=1)
    assert network_of_it.config.sliding_window is None
    ids = list(range(20, 140))
    with torch.inference_mode():
        ours = network_of_it(input_ids=torch.tensor([ids])).logits[0].numpy()
    with opened(named, threads=1) as llama:
        assert np.abs(np.array(llama.logits(ids)) - ours).max() < 1e-3
    converter.check(back.path, at="export")


def test_a_configuration_that_transformers_does_not_take_is_a_line(tmp_path: Path) -> None:
    model = toy(tmp_path / "model")
    path = model.path / "config.json"
    path.write_text(path.read_text().replace('"num_attention_heads": 4', '"num_attention_heads": "four"'))
    with pytest.raises(BadRequest, match=r"^export: transformers does not take its config.json \([^\n]*$"):
        converter.check(model.path, at="export")


def test_a_long_text_does_not_change_the_answers_to_short_ones(tmp_path: Path) -> None:
    """LongRoPE: llama.cpp that is opened for more than the original positions stretches all of them."""
    stretched = {
        "rope_type": "longrope",
        "short_factor": [1.0] * 8,
        "long_factor": [3.0 + step for step in range(8)],
        "rope_theta": 10000.0,
        "original_max_position_embeddings": 512,
    }
    whole = toy(
        tmp_path / "model", "phi3", rope_parameters=stretched, max_position_embeddings=1024,
        original_max_position_embeddings=512,
    )  # fmt: skip
    file = exported(whole, Bench(tmp_path)).path / "model.gguf"
    assert gguf_file.read(file).metadata["phi3.context_length"] == 1024
    assert gguf_metadata.context(gguf_file.read(file)) == 512
    ids = list(range(20, 80))
    with torch.inference_mode():
        ours = network.load(whole.path, threads=1)(input_ids=torch.tensor([ids])).logits[0].numpy()

    def difference(window: int) -> float:
        with opened(file, threads=1, window=window) as llama:
            return float(np.abs(np.array(llama.logits(ids)) - ours).max())

    assert difference(512) < 1e-3
    assert difference(1024) > 1  # what the cap keeps away
    torch_side, llama_side = (
        open_runtime(replace(whole, path=path, format=kind, meta={}), threads=1, model_task="text-generation")
        for path, kind in ((whole.path, "hf"), (file.parent, "gguf"))
    )
    assert torch_side.context == llama_side.context == 512
