"""Toy teachers of several families and their students, saved and opened again as anyone would."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import transformers
from toys import SIZES, bpe, save, toy

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.testing import Bench, sealed
from slmworks_torch.causal import chat_model
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.causal.student import StudentShape, student_of

EXPORTED = ("llama", "llama-untied", "mistral", "gemma2", "phi3", "qwen2", "qwen3")
"""Families that go to GGUF."""
OTHERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "mixtral": ("Mixtral", {"num_local_experts": 3, "num_experts_per_tok": 2}),
    "smollm3": ("SmolLM3", {"no_rope_layers": [1, 0, 0, 1, 1], "tie_word_embeddings": True}),
}
FAMILIES = (*EXPORTED, *OTHERS)
DEPTH = 5


def teacher(folder: Path, family: str, **changed: Any) -> Model:
    """A toy of five layers, with sliding windows that its texts reach beyond where the family has them."""
    given = {"num_hidden_layers": DEPTH, "initializer_range": 0.1, **changed}
    if family not in OTHERS:
        # transformers splits text its own way for Qwen, whatever tokenizer.json says
        return toy(folder, family, rule="qwen2" if "qwen" in family else "smollm", **given)
    words = bpe("smollm")
    name, more = OTHERS[family]
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(
        **{**SIZES, "vocab_size": words.get_vocab_size(), **more, **given}
    )
    getattr(transformers, f"{name}ForCausalLM")(config).float().save_pretrained(folder)
    save(words, folder)
    return sealed(Model(path=folder, format="hf", meta={}))


def student(
    bench: Bench, whole: Model, data: Dataset, *, given: Model | None = None, name: str = "cut", **shape: Any
) -> ChatModel:
    return student_of(whole, given, StudentShape(**shape), data, bench.task(name))


def saved(made: ChatModel, folder: Path) -> Model:
    folder.mkdir()
    made.save(folder)
    return sealed(Model(path=folder, format="hf", meta={"task": "text-generation"}))


def logits(net: Any, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return net(input_ids=torch.tensor([ids])).logits[0]


def opened(model: Model) -> Any:
    """Plain transformers."""
    return transformers.AutoModelForCausalLM.from_pretrained(model.path, dtype=torch.float32).eval()


def loaded(model: Model) -> ChatModel:
    return chat_model.load(model, port="model")
