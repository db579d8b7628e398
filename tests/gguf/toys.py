"""Toy causal language models with a byte-level BPE of their own, and GGUF files of them with something changed."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import transformers
from tokenizers import Tokenizer, decoders, models, processors, trainers
from tokenizers.pre_tokenizers import ByteLevel

import gguf
import torch
from slmworks.contract.artifact import Model
from slmworks.testing import Bench, sealed
from slmworks_gguf import gguf_file, weights
from slmworks_gguf.gguf_metadata import LONGEST_ANSWER
from slmworks_gguf.pre_tokenizers import RULES
from slmworks_gguf.texts import COMPOSED

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
CLASSES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "llama": ("Llama", {"rope_theta": 20000.0}),
    "llama-untied": ("Llama", {"tie_word_embeddings": False, "rms_norm_eps": 1e-5}),
    "mistral": ("Mistral", {"sliding_window": None, "tie_word_embeddings": True}),
    "qwen2": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {"head_dim": 16, "tie_word_embeddings": True}),
    "gemma2": ("Gemma2", {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 128}),
    "phi3": ("Phi3", {"sliding_window": None, "original_max_position_embeddings": 256}),
}
"""Families that go to GGUF and back."""
TORCH_ONLY: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "mixtral": ("Mixtral", {"num_local_experts": 3, "num_experts_per_tok": 2}),
    "smollm3": ("SmolLM3", {"no_rope_layers": [1, 0, 0, 1, 1], "tie_word_embeddings": True}),
    "phi": ("Phi", {"tie_word_embeddings": False}),
    "gpt2": ("GPT2", {"tie_word_embeddings": True, "n_inner": SIZES["intermediate_size"]}),
    "gemma": ("Gemma", {"head_dim": 16}),
    "gemma3": ("Gemma3Text", {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 128}),
}
"""Families that don't."""


def bpe(rule: str) -> Tokenizer:
    """A byte-level BPE of 400 tokens, learnt from the texts that proofs are made with."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=RULES[rule].whole_words))
    tokenizer.pre_tokenizer = RULES[rule].build()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(SPECIAL),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(COMPOSED, trainer)
    return tokenizer


def around(tokenizer: Tokenizer, first: str) -> None:
    """Let the tokenizer put a token before each text."""
    template = processors.TemplateProcessing(
        single=f"{first} $A", pair=f"{first} $A {first}:1 $B:1", special_tokens=[(first, 1)]
    )
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])


Templates = str | dict[str, str]


def save(tokenizer: Tokenizer, folder: Path, *, template: Templates = TEMPLATE) -> None:
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
    )
    if template:
        wrapped.chat_template = template
    wrapped.save_pretrained(folder)


def toy(
    folder: Path, kind: str = "llama", *, rule: str = "smollm", template: Templates = TEMPLATE, **changed: Any
) -> Model:
    """A random model as a Hugging Face folder that names its pre-tokenizer as an import does."""
    name, more = {**CLASSES, **TORCH_ONLY}[kind]
    tokenizer = bpe(rule)
    if RULES[rule].whole_words:
        around(tokenizer, "<|im_start|>")
    settings = {**SIZES, "vocab_size": tokenizer.get_vocab_size(), "tie_word_embeddings": True}
    if "n_inner" in more:
        del settings["intermediate_size"]
    config = getattr(transformers, f"{name}Config")(**{**settings, **more, **changed})
    torch.manual_seed(0)
    network = transformers.AutoModelForCausalLM.from_config(config).float()
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim == 1:
                weight.add_(torch.randn_like(weight) * 0.1)
    network.save_pretrained(folder)
    save(tokenizer, folder, template=template)
    return sealed(Model(path=folder, format="hf", meta={"gguf": {"pre": rule}}))


def exported(model: Model, bench: Bench, name: str = "export", **options: Any) -> Model:
    from slmworks_gguf.export import ExportGguf

    return sealed(ExportGguf(**options).run(model=model, task=bench.task(name)))


def imported(model: Model, bench: Bench, name: str = "import", **options: Any) -> Model:
    from slmworks_gguf.import_hf import ImportGguf

    return sealed(ImportGguf(**options).run(model=model, task=bench.task(name)))


Change = Callable[[dict[str, Any]], None]


def limited(model: Model, most: int) -> Model:
    """A GGUF model whose answers have so many tokens at most, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(dir=model.path.parent))
    rewritten(
        model.path / "model.gguf", folder / "model.gguf", lambda said: said.update({LONGEST_ANSWER: most})
    )
    meta = {**model.meta, "max_new_tokens": most}
    return sealed(Model(path=folder, format="gguf", meta=meta))


def rewritten(source: Path, target: Path, change: Change, *, drop: str = "", add: str = "") -> Path:
    """A GGUF file as it was, with metadata changed, a tensor left out or one added."""
    file = gguf_file.read(source)
    metadata = dict(file.metadata)
    change(metadata)
    writer = gguf.GGUFWriter(target, str(metadata.pop("general.architecture", "")))
    for key, value in metadata.items():
        new = gguf.GGUFValueType.UINT32 if type(value) is int else gguf.GGUFValueType.get_type(value)
        of, inner = file.types.get(key, (new, None))
        element = None if inner is None else gguf.GGUFValueType(inner)
        writer.add_key_value(key, value, gguf.GGUFValueType(of), sub_type=element)
    for tensor in file.tensors:
        if tensor.name != drop:
            number = gguf.GGMLQuantizationType(tensor.type)
            writer.add_tensor(tensor.name, np.array(weights.stored(file, tensor)), raw_dtype=number)
    if add:
        writer.add_tensor(add, np.ones(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target
