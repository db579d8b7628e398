#!/usr/bin/env bash
# transformers splits text by a class's rule, not by the one in the folder's tokenizer.json
#
# Versions: transformers 5.17.0, tokenizers 0.23.3, Python 3.11.
#
# Guess before running it: `AutoTokenizer` of a folder with a tokenizer.json splits text as that file says, whatever name of a "fast"
# class tokenizer_config.json has, and whatever model lies beside it.
# What happens: it does for `PreTrainedTokenizerFast`, unless config.json says `model_type: qwen2`; with `qwen3` it does again. For
# `GPT2TokenizerFast` and `Qwen2TokenizerFast` the file's vocabulary and merges are kept, and its pre-tokenizer is replaced by the
# class's own, without a word. A byte-level model that splits digits (or blanks, or line ends) its own way then gets other token ids
# from transformers than from every program that reads tokenizer.json, and only some texts show it.
#
# Output seen (class in tokenizer_config.json, model_type in config.json, tokens by tokenizer.json and by AutoTokenizer):
#   PreTrainedTokenizerFast none: 13, 13
#   PreTrainedTokenizerFast qwen2: 13, 14
#   PreTrainedTokenizerFast qwen3: 13, 13
#   GPT2TokenizerFast none: 13, 15
#   Qwen2TokenizerFast none: 13, 14
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.17.0 tokenizers==0.23.3
"$work/venv/bin/python" - 2>"$work/said" <<'PYTHON' || { cat "$work/said"; exit 1; }
import json
import sys
import tempfile
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, trainers
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
from transformers import AutoTokenizer

TEXT = " 1  22   333\n\n1."
END = "<|endoftext|>"

whole = Tokenizer(models.BPE())
whole.pre_tokenizer = Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False)])
whole.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=300, special_tokens=[END], initial_alphabet=ByteLevel.alphabet(), show_progress=False
)
whole.train_from_iterator(["numbers 1 22 333 and   blanks\n\n1. one\n\n2. two"] * 4, trainer)
wanted = whole.encode(TEXT, add_special_tokens=False).tokens


def loaded(name, kind):
    folder = Path(tempfile.mkdtemp())
    whole.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name, "eos_token": END}))
    if kind != "none":
        (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    return AutoTokenizer.from_pretrained(folder).tokenize(TEXT)


found = {
    (name, kind): loaded(name, kind)
    for name, kind in (
        ("PreTrainedTokenizerFast", "none"),
        ("PreTrainedTokenizerFast", "qwen2"),
        ("PreTrainedTokenizerFast", "qwen3"),
        ("GPT2TokenizerFast", "none"),
        ("Qwen2TokenizerFast", "none"),
    )
}
for (name, kind), tokens in found.items():
    print(f"{name} {kind}: {len(wanted)}, {len(tokens)}")
sys.exit([tokens == wanted for tokens in found.values()] != [True, False, True, False, False])
PYTHON
