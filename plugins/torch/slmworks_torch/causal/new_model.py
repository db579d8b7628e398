"""New networks and tokenizers, as a Hugging Face folder that training starts from."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.model_task import Row
from slmworks_torch.causal import examples
from slmworks_torch.causal.chat_model import HEAD

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from slmworks_torch.causal.pretrain import Pretrain

PAD, START, END = SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
"""Padding, beginning and end of a turn, with the ids 0, 1, 2."""
TEMPLATE = (
    "{% if tools %}<|im_start|>tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML."""
PRE_TOKENIZER = "smollm"
"""llama.cpp's name of the rule that splits text: each digit alone, then GPT-2's pattern."""


def write(folder: Path, data: Dataset, options: "Pretrain") -> dict[str, Any]:
    """Write a network with random weights and a tokenizer of the split `train`; returns entries of `meta`."""
    from transformers import PreTrainedTokenizerFast

    words = tokenizer(examples.read(data, "train"), options.vocabulary)
    network = _network(words.get_vocab_size(), options)
    network.save_pretrained(folder)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=words,
        bos_token=START,
        eos_token=END,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
        model_max_length=options.context,
    )
    wrapped.chat_template = TEMPLATE
    wrapped.save_pretrained(folder)
    if options.architecture == "transformer-xl":
        return {}
    return {"max_length": options.context, "gguf": {"pre": PRE_TOKENIZER, "general": {}}}


def tokenizer(rows: Sequence[Row], size: int) -> "Tokenizer":
    """A byte-level BPE (Sennrich et al., 2016) of at most `size` tokens, learnt from conversations."""
    from tokenizers import Tokenizer, decoders, models, processors, trainers
    from tokenizers.pre_tokenizers import ByteLevel, Digits
    from tokenizers.pre_tokenizers import Sequence as Steps

    made = Tokenizer(models.BPE())
    level = ByteLevel(add_prefix_space=False, use_regex=True)
    made.pre_tokenizer = Steps([Digits(individual_digits=True), level])
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(_texts(rows), trainer)
    return made


def _texts(rows: Sequence[Row]) -> Iterator[str]:
    """What is said, and the names of the roles, which the template writes out."""
    for row in rows:
        for message in row["messages"]:
            yield message["role"]
            yield message["content"]
        yield "assistant"
        yield row["completion"]


def _network(size: int, options: "Pretrain") -> Any:
    from slmworks_torch.networks import new_network

    return new_network((_xl if options.architecture == "transformer-xl" else _llama)(size, options), HEAD)


def _llama(size: int, options: "Pretrain") -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        **_sizes(size, options),
        num_key_value_heads=options.kv_heads,
        max_position_embeddings=options.context,
    )


def _xl(size: int, options: "Pretrain") -> Any:
    from slmworks_torch.architectures.transformer_xl_network import TransformerXLConfig

    length = options.memory_length or max(1, options.context // 4)
    return TransformerXLConfig(**_sizes(size, options), memory_length=length, segment_length=length)


def _sizes(size: int, options: "Pretrain") -> dict[str, Any]:
    """Entries that both configurations have."""
    return {
        "vocab_size": size,
        "hidden_size": options.hidden,
        "intermediate_size": options.ffn,
        "num_hidden_layers": options.layers,
        "num_attention_heads": options.heads,
        "tie_word_embeddings": True,
        "initializer_range": options.hidden**-0.5 / 2,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
