"""Hugging Face folders that cannot become GGUF files, and proofs that fail."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from toys import exported, toy

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.testing import Bench
from slmworks_gguf import proof


def changed(model: Model, folder: Path, name: str, change: Callable[[Any], Any]) -> Model:
    """A copy of a model with one of its JSON files changed."""
    shutil.copytree(model.path, folder)
    path = folder / name
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))
    return Model(path=folder, format="hf", meta=model.meta)


@pytest.mark.parametrize(
    ("name", "change", "line"),
    [
        (
            "config.json",
            lambda said: said.update(architectures=["BertForSequenceClassification"]),
            "names BertForSequenceClassification, which is no causal language model that can be written as GGUF; "
            "known: Gemma2ForCausalLM, LlamaForCausalLM,",
        ),
        ("config.json", lambda said: said.pop("architectures"), "names no architecture, which is no causal"),
        (
            "config.json",
            lambda said: said.update(quantization_config={"quant_method": "gptq"}),
            "its weights are quantized already",
        ),
        (
            "config.json",
            lambda said: said.update(architectures=["MistralForCausalLM"], sliding_window=64),
            "a sliding window of 64 tokens, and llama.cpp computes this architecture without one",
        ),
        ("tokenizer.json", lambda said: said["model"].update(type="Unigram"), "its tokenizer is Unigram"),
        (
            "tokenizer.json",
            lambda said: said["model"].update(byte_fallback=True),
            "its tokenizer is BPE with byte fallback; known: byte-level BPE.",
        ),
    ],
)
def test_a_folder_that_cannot_become_a_gguf_file(
    llama: Model, name: str, change: Callable[[Any], Any], line: str, tmp_path: Path
) -> None:
    model = changed(llama, tmp_path / "model", name, change)
    with pytest.raises(BadRequest) as refused:
        exported(model, Bench(tmp_path))
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_without_a_tokenizer(llama: Model, tmp_path: Path) -> None:
    shutil.copytree(llama.path, tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").unlink()
    with pytest.raises(BadRequest, match=r"it has no tokenizer\.json"):
        exported(Model(path=tmp_path / "model"), Bench(tmp_path))


def test_one_wrong_matrix_fails_the_proof(llama: Model, llama_gguf: Model, tmp_path: Path) -> None:
    shutil.copytree(llama.path, tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    weights = load_file(path)
    weights["model.layers.1.mlp.up_proj.weight"] *= np.float32(1.01)
    save_file(weights, path, metadata={"format": "pt"})
    file = llama_gguf.path / "model.gguf"
    with pytest.raises(TaskFailed, match=r"differ from torch's by [\d.]+ nats, more than the tolerance 0.01"):
        proof.prove(tmp_path / "model", file, tolerance=0.01, threads=1, at="export")
    assert proof.prove(llama.path, file, tolerance=0.01, threads=1, at="export").difference < 1e-3


def test_a_nan_fails_the_proof(llama: Model, tmp_path: Path) -> None:
    shutil.copytree(llama.path, tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    weights = load_file(path)
    weights["model.norm.weight"][3] = np.nan
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(TaskFailed, match="differ from torch's by nan nats"):
        exported(Model(path=tmp_path / "model", meta=llama.meta), Bench(tmp_path))


def test_a_tokenizer_of_another_model_fails_the_proof(llama_gguf: Model, tmp_path: Path) -> None:
    other = toy(tmp_path / "toy", rule="gpt-2")
    with pytest.raises(TaskFailed, match="what is trained on one cannot be served by the other"):
        proof.prove(other.path, llama_gguf.path / "model.gguf", tolerance=0.01, threads=1, at="export")
