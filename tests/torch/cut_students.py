"""Toy teachers of several families and their students, saved and opened again as anyone would."""

from pathlib import Path
from typing import Any

import transformers
from toys import toy

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.testing import Bench, sealed
from slmworks_torch.causal import chat_model
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.causal.student import StudentShape, student_of

EXPORTED = ("llama", "llama-untied", "mistral", "gemma2", "phi3", "qwen2", "qwen3")
"""Families that go to GGUF."""
FAMILIES = (*EXPORTED, "mixtral", "smollm3")
DEPTH = 5


def teacher(folder: Path, family: str, **changed: Any) -> Model:
    """A toy of five layers, with sliding windows that its texts reach beyond where the family has them."""
    given = {"num_hidden_layers": DEPTH, "initializer_range": 0.1, **changed}
    # transformers splits text its own way for Qwen, whatever tokenizer.json says
    return toy(folder, family, rule="qwen2" if "qwen" in family else "smollm", **given)


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
