#!/usr/bin/env bash
# Neural Compressor's GPTQ quantizes a layer that its configuration leaves in fp32; its RTN does not
#
# Versions: neural-compressor 3.10 (extra `pt`), transformers 5.17.0, torch 2.13.0, accelerate 1.15.0, Python 3.11.
#
# Guess before running it: `config.set_local(name, Config(dtype="fp32"))` keeps the named linear layer as it is, for every algorithm of
# the same interface.
# What happens: with `RTNConfig` it does. With `GPTQConfig` the layer is packed into few bits like all others, without a word:
# layers in fp32 have no entry in its table, and for a layer without one it takes the first entry there is, which need not match. Mixed
# precision by layer is lost, and only a look at the modules shows it.
#
# Output seen (class of the layer that was to stay):
#   RTNConfig Linear
#   GPTQConfig INCWeightOnlyLinear
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    "neural-compressor[pt]==3.10" transformers==5.17.0 torch==2.13.0 accelerate==1.15.0
"$work/venv/bin/python" - "$work/model" 2>"$work/said" <<'PYTHON' || { cat "$work/said"; exit 1; }
import sys

import torch
from neural_compressor.torch.quantization import GPTQConfig, RTNConfig, convert, prepare
from transformers import LlamaConfig, LlamaForCausalLM

KEPT = "model.layers.1.mlp.down_proj"

torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=64,
    hidden_size=64,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
    tie_word_embeddings=False,
)
LlamaForCausalLM(config).save_pretrained(sys.argv[1])


def kept(kind):
    settings = kind(bits=4, group_size=32)
    settings.set_local(KEPT, kind(dtype="fp32"))
    net = prepare(LlamaForCausalLM.from_pretrained(sys.argv[1]).eval(), settings)
    for seed in range(4 if kind is GPTQConfig else 0):
        ids = torch.randint(0, 64, (1, 16), generator=torch.Generator().manual_seed(seed))
        try:
            net(input_ids=ids, use_cache=False)
        except ValueError:  # how the algorithm ends a forward pass whose inputs it has seen
            pass
    return type(convert(net).get_submodule(KEPT)).__name__


found = [(kind.__name__, kept(kind)) for kind in (RTNConfig, GPTQConfig)]
for line in found:
    print(*line)
sys.exit(found != [("RTNConfig", "Linear"), ("GPTQConfig", "INCWeightOnlyLinear")])
PYTHON
