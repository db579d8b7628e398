"""What every pruner, factorizer and quantizer ships is opened in a process in which slmworks doesn't exist.

Architectures of ours aside (`factorized`, `linformer`), which are opened as ONNX there.
"""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from pruning import IDS, opened, outputs
from toys import exported

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.runtime import open_runtime
from slmworks.testing import Bench, sealed
from slmworks_gguf.quantize import QuantizeGguf
from slmworks_inc.autotune import IncAutotune
from slmworks_inc.awq import IncAwq
from slmworks_inc.gptq import IncGptq
from slmworks_inc.rtn import IncRtn
from slmworks_inc.static import IncStatic
from slmworks_onnx.dynamic import OnnxDynamic
from slmworks_onnx.static import OnnxStatic
from slmworks_torch.architectures.linformer import LinformerOf
from slmworks_torch.compression.prune_layers import PruneLayers
from slmworks_torch.compression.prune_width import PruneWidth
from slmworks_torch.compression.svd import SvdFactorize
from slmworks_torch.compression.unstructured import PruneMagnitude, Wanda

ALONE = """
import json, sys
for name in ("slmworks", *(f"slmworks_{one}" for one in ("torch", "onnx", "inc", "gguf", "text", "serve"))):
    sys.modules[name] = None
given = json.loads(sys.argv[1])
"""
TRANSFORMERS = """
import torch, transformers
for folder, head in given:
    net = getattr(transformers, head).from_pretrained(folder).eval()
    ids = torch.tensor([IDS]) % net.config.vocab_size
    with torch.inference_mode():
        print(json.dumps(net(input_ids=ids)[0][0].tolist()))
"""
ONNX_RUNTIME = """
import numpy, onnxruntime, tokenizers
for folder, texts in given:
    words = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
    session = onnxruntime.InferenceSession(f"{folder}/model.onnx")
    found = []
    for text in texts:
        ids = numpy.array([words.encode(text).ids])
        said = {"input_ids": ids, "attention_mask": numpy.ones_like(ids)}
        found.append(session.run(["logits"], said)[0][0].tolist())
    print(json.dumps(found))
"""
LLAMA_CPP = """
import time, urllib.request, xllamacpp
for path, text in given:
    said = xllamacpp.CommonParams()
    said.model.path, said.n_ctx, said.warmup, said.ui, said.verbosity = path, 256, False, False, -1
    # as our runtime has them: by default they are rounded to 16 bits, which a random model's near ties feel
    said.cache_type_k = said.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    said.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(said)
    urllib.request.urlopen(server.listening_address + "/health").read()
    asked = {"prompt": text, "max_tokens": 8, "temperature": 0}
    print(json.dumps(server.handle_completions(asked)["choices"][0]["text"]))
"""
CLASSIFIER, GENERATOR = "AutoModelForSequenceClassification", "AutoModelForCausalLM"
TESTED = {
    "prune": {"layers", "width", "magnitude", "wanda"},
    "factorize": {"svd", "linformer"},
    "quantize": {
        "onnx-dynamic", "onnx-static", "inc-static", "inc-autotune", "inc-rtn", "inc-gptq", "inc-awq", "gguf",
        "inc-autoround",
    },
}  # fmt: skip


def alone(program: str, given: Any) -> list[Any]:
    """What a program prints in a process of its own, line by line."""
    text = ALONE + program.replace("IDS", repr(IDS))
    ended = subprocess.run(
        [sys.executable, "-c", text, json.dumps(given)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_none_is_left_out() -> None:
    for stage, names in TESTED.items():
        ours = {name for name, one in catalog.plugins(stage).items() if one.distribution != "slmworks-toy"}
        assert ours == names


def test_pruned_models_in_plain_transformers(
    llama: Model, tiny_classifier: Model, conversations: Dataset, tiny_reviews: Dataset, bench: Bench
) -> None:
    texts, labels = (llama, conversations, GENERATOR), (tiny_classifier, tiny_reviews, CLASSIFIER)
    made = [
        (sealed(plugin.run(model=model, data=data, task=bench.task(f"{number}"))), head)
        for number, (plugin, (model, data, head)) in enumerate(
            (
                (PruneLayers(keep=2, rows=8), texts),
                (PruneLayers(keep=2, rows=8), labels),
                (PruneWidth(ffn=32, heads=2, rows=8), texts),
                (PruneWidth(ffn=32, rows=8), labels),
                (PruneMagnitude(share=0.3), labels),
                (Wanda(pattern="2:4", rows=8), texts),
            )
        )
    ]
    found = alone(TRANSFORMERS, [[str(model.path), head] for model, head in made])
    for said, (model, head) in zip(found, made, strict=True):
        np.testing.assert_allclose(said, outputs(opened(model, head)), atol=1e-5)


@pytest.mark.slow
def test_8_bits_and_factors_in_plain_onnx_runtime(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    def made(plugin: Any, name: str, model: Model = tiny_classifier, **more: Any) -> Model:
        return sealed(plugin.run(model=model, task=bench.task(name), **more))

    thin = made(SvdFactorize(budget=0.8), "svd", data=None)
    long = made(LinformerOf(max_length=64, projected_length=16), "linformer", data=None)
    models = [
        made(OnnxDynamic(), "svd, int8", thin, calibration=None),
        made(OnnxDynamic(), "linformer, int8", long, calibration=None),
        made(OnnxDynamic(), "onnx-dynamic", calibration=None),
        made(OnnxStatic(rows=33), "onnx-static", calibration=tiny_reviews),
        made(IncStatic(rows=33), "inc-static", calibration=tiny_reviews),
        made(IncAutotune(rows=33, max_trials=1, drop=0.5), "inc-autotune", calibration=tiny_reviews),
    ]
    texts = list(tiny_reviews.columns("test", "text")[0])[:8]
    found = alone(ONNX_RUNTIME, [[str(model.path), texts] for model in models])
    for logits, model in zip(found, models, strict=True):
        runtime = open_runtime(model, threads=1)
        wanted = [list(runtime.answer([{"text": text}])[0]["scores"].values()) for text in texts]
        odds = np.exp(np.array(logits))
        np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), wanted, atol=1e-5)


@pytest.mark.slow
def test_packed_layers_in_transformers_with_auto_round(
    llama: Model, conversations: Dataset, bench: Bench
) -> None:
    pytest.importorskip("auto_round", reason="slmworks-inc[autoround] is not installed")
    own = {"keep_fp32": ("model.layers.0",), "keep_8_bits": ("model.layers.1.mlp.down_proj",)}
    made = [
        sealed(plugin.run(model=llama, calibration=data, task=bench.task(name)))
        for name, plugin, data in (
            ("rtn", IncRtn(bits=8), None),
            ("rtn, layers of their own", IncRtn(**own), None),
            ("gptq", IncGptq(sym=True), conversations),
            ("awq", IncAwq(sym=True), conversations),
        )
    ]
    found = alone(TRANSFORMERS, [[str(model.path), GENERATOR] for model in made])
    for said, model in zip(found, made, strict=True):
        wanted = outputs(open_runtime(model, threads=1).module)
        # computed in float16 there
        np.testing.assert_allclose(said, wanted, atol=0.01 * float(wanted.abs().max()))
        scales = json.loads((model.path / "config.json").read_text())["quantization_config"]
        assert scales["packing_format"] == "auto_round:auto_gptq"


def test_zero_points_are_ours_alone_and_nothing_else_is_said(llama: Model, bench: Bench) -> None:
    made = IncRtn(sym=False).run(model=llama, calibration=None, task=bench.task("rtn"))
    assert "quantization_config" not in json.loads((made.path / "config.json").read_text())


def test_a_quantized_file_in_plain_llama_cpp(llama: Model, bench: Bench) -> None:
    file = sealed(
        QuantizeGguf(type="q8_0").run(
            model=exported(llama, bench), calibration=None, task=bench.task("quantize")
        )
    )
    in_llama_cpp(file)


def in_llama_cpp(file: Model) -> None:
    """The same greedy text as our runtime's, of plain llama.cpp."""
    text = "The lamp is"
    (said,) = alone(LLAMA_CPP, [[str(file.path / "model.gguf"), text]])
    row = {"messages": [{"role": "prompt", "content": text}]}
    (wanted,) = open_runtime(file, threads=1).answer([row])
    broken = "\ufffd "  # bytes that are no characters are left out there, and shown here
    assert said.strip(broken) == wanted["text"].strip(broken)
    assert said.strip(broken)


@pytest.mark.slow
def test_a_tuned_file_in_plain_llama_cpp(llama: Model, conversations: Dataset, bench: Bench) -> None:
    pytest.importorskip("auto_round", reason="slmworks-inc[autoround] is not installed")
    from slmworks_inc.autoround import IncAutoround

    plugin = IncAutoround(iters=2, length=32, batch_size=4, rows=8)
    in_llama_cpp(sealed(plugin.run(model=llama, calibration=conversations, task=bench.task("tune"))))
