"""Tiny models of many families with random weights, written as a hub holds them: `write(family, folder)`.

Widths are 32 and weights larger than usual, so that texts differ; tokenizers know the words of `conftest`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import FRAMES, THINGS, WORDS
from slmworks.contract.artifact import Model
from slmworks.testing import sealed

TEXTS = sorted(
    frame.format(thing=thing, word=word, other=word)
    for frame in FRAMES
    for thing in THINGS
    for group in WORDS.values()
    for word in group
)
LENGTH = 64
"""Positions of every model."""
SMALL = {
    "hidden_size": 32,
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "intermediate_size": 64,
    "initializer_range": 0.15,
    "max_position_embeddings": LENGTH,
}
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def wordpiece() -> Any:
    """Lower-casing WordPiece as BERT has it."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=BERT))
    return _between(made, "[CLS]", "[SEP]")


def bytes_of(special: list[str], first: str = "", last: str = "") -> Any:
    """Byte-level BPE; `first` and `last` stand around each text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=letters)
    made.train_from_iterator(TEXTS, trainer)
    return _between(made, first, last)


def unigram(special: list[str], first: str = "", last: str = "", unknown: str = "<unk>") -> Any:
    """Unigram as SentencePiece has it; `first` and `last` stand around each text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.Unigram())
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=special, unk_token=unknown)
    made.train_from_iterator(TEXTS, trainer)
    return _between(made, first, last)


def _between(tokenizer: Any, first: str, last: str) -> Any:
    from tokenizers import processors

    words = [word for word in (first, last) if word]
    if words:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{first} $A {last}".strip(),
            special_tokens=[(word, tokenizer.token_to_id(word)) for word in words],
        )
    return tokenizer


def _roberta() -> Any:
    return bytes_of(ROBERTA, "<s>", "</s>")


def _xlm() -> Any:
    return unigram(ROBERTA, "<s>", "</s>")


def _albert() -> Any:
    return unigram(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], "[CLS]", "[SEP]")


def _deberta() -> Any:
    return unigram(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"], "[CLS]", "[SEP]", "[UNK]")


def _cased() -> Any:
    return bytes_of(BERT, "[CLS]", "[SEP]")


def _llama() -> Any:
    return bytes_of(["<unk>", "<s>", "</s>"], "<s>")


def _gpt2() -> Any:
    return bytes_of(["<|endoftext|>"], last="<|endoftext|>")


def _xlnet() -> Any:
    special = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"]
    made = unigram(special)
    return _between(made, "", "<cls>")


IDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
LLAMA = {"pad_token_id": 2, "bos_token_id": 1, "eos_token_id": 2, "num_key_value_heads": 2}
SHIFTED = {"max_position_embeddings": LENGTH + 2, "type_vocab_size": 1}
GPT2 = {"n_positions": LENGTH, "n_embd": 32, "n_layer": 3, "n_head": 2, "initializer_range": 0.15}
BUCKETS = {
    "relative_attention": True,
    "position_buckets": 16,
    "pos_att_type": ["p2c", "c2p"],
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "position_biased_input": False,
    "type_vocab_size": 0,
}

FAMILIES: dict[str, tuple[Callable[[], Any], str, dict[str, Any]]] = {
    "bert": (wordpiece, "bert", SMALL),
    "distilbert": (
        wordpiece,
        "distilbert",
        {"dim": 32, "n_heads": 2, "n_layers": 3, "hidden_dim": 64, "max_position_embeddings": LENGTH,
         "initializer_range": 0.15},
    ),
    "albert": (_albert, "albert", SMALL | IDS | {"embedding_size": 16}),
    "albert-2": (_albert, "albert", SMALL | IDS | {"embedding_size": 16, "num_hidden_groups": 3}),
    "mobilebert": (
        wordpiece,
        "mobilebert",
        SMALL | {"embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16},
    ),
    "roberta": (_roberta, "roberta", SMALL | SHIFTED),
    "xlm-roberta": (_xlm, "xlm-roberta", SMALL | SHIFTED),
    "deberta": (
        _cased,
        "deberta",
        SMALL | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False,
                 "type_vocab_size": 0},
    ),
    "deberta-v2": (_deberta, "deberta-v2", SMALL | BUCKETS | {"conv_kernel_size": 3, "conv_act": "gelu"}),
    "deberta-v3": (_deberta, "deberta-v2", SMALL | BUCKETS),
    "electra": (wordpiece, "electra", SMALL | {"embedding_size": 16}),
    "mpnet": (_xlm, "mpnet", SMALL | {"max_position_embeddings": LENGTH + 2}),
    "modernbert": (
        _cased,
        "modernbert",
        SMALL | IDS | {"cls_token_id": 2, "sep_token_id": 3, "local_attention": 8, "num_hidden_layers": 4},
    ),
    "longformer": (_roberta, "longformer", SMALL | SHIFTED | {"attention_window": 8}),
    "bigbird": (_albert, "big_bird", SMALL | IDS | {"attention_type": "original_full"}),
    "funnel": (
        wordpiece,
        "funnel",
        {"d_model": 32, "n_head": 2, "d_head": 16, "d_inner": 64, "block_sizes": [1, 1, 1],
         "architectures": ["FunnelModel"]},
    ),
    "xlnet": (_xlnet, "xlnet", {"d_model": 32, "n_layer": 3, "n_head": 2, "d_inner": 64, "pad_token_id": 5}),
    "fnet": (_albert, "fnet", SMALL | IDS),
    "convbert": (wordpiece, "convbert", SMALL | {"embedding_size": 32}),
    "squeezebert": (wordpiece, "squeezebert", SMALL | {"embedding_size": 32}),
    "roformer": (wordpiece, "roformer", SMALL | {"embedding_size": 32}),
    "nystromformer": (
        wordpiece, "nystromformer", SMALL | {"segment_means_seq_len": LENGTH, "num_landmarks": 8},
    ),
    "bart": (
        _roberta,
        "bart",
        {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
         "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "init_std": 0.15,
         "max_position_embeddings": LENGTH, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
    ),
    "llama": (_llama, "llama", SMALL | LLAMA),
    "mistral": (_llama, "mistral", SMALL | LLAMA | {"sliding_window": 16}),
    "qwen2": (_llama, "qwen2", SMALL | LLAMA),
    "gpt2": (_gpt2, "gpt2", GPT2 | {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}),
    "opt": (
        _roberta,
        "opt",
        {"hidden_size": 32, "word_embed_proj_dim": 32, "ffn_dim": 64, "num_attention_heads": 2,
         "num_hidden_layers": 3, "max_position_embeddings": LENGTH, "init_std": 0.15, "pad_token_id": 1,
         "bos_token_id": 0, "eos_token_id": 2},
    ),
}  # fmt: skip
"""Name -> tokenizer, transformers' model type, configuration."""


def write(family: str, folder: Path, **changes: Any) -> Model:
    """A bare network of the family and its tokenizer in `folder`; `changes` replace entries of its configuration."""
    from transformers import AutoConfig, AutoModel

    import torch

    tokenizer, kind, settings = FAMILIES[family]
    words = tokenizer()
    size = max(words.get_vocab().values()) + 1
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{"vocab_size": size, **settings, **changes})
    AutoModel.from_config(config).save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))
    said = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(said) + "\n")
    return sealed(Model(path=folder, format="hf"))
