"""Hugging Face folder → GGUF → Hugging Face folder, for each architecture that is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from toys import CLASSES, TEMPLATE, exported, imported, rewritten, toy
from transformers import AutoModelForCausalLM, AutoTokenizer

from slmworks.contract.artifact import Model
from slmworks.testing import Bench
from slmworks_gguf import gguf_file, texts
from slmworks_gguf.architectures import KNOWN
from slmworks_gguf.llama_cpp import opened


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_a_model_comes_back_bit_by_bit(kind: str, tmp_path: Path) -> None:
    """Mistral comes back as Llama, which is what GGUF has for it and computes the same."""
    bench = Bench(tmp_path)
    rule = "qwen2" if "qwen" in kind else "smollm"
    model = toy(tmp_path / "toy", kind, rule=rule)
    out = exported(model, bench)
    assert (out.format, out.summary["proof_greedy_equal"]) == ("gguf", 96)
    assert out.summary["proof_texts"] >= 200
    assert out.summary["proof_logprob_difference"] < (1e-3 if kind != "gemma2" else 1e-2)  # GELU by a table
    back = imported(out, bench)
    first, second = (load_file(one.path / "model.safetensors") for one in (model, back))
    assert first.keys() == second.keys()
    for name, weight in first.items():
        # norms of Gemma are shifted by one and back
        assert np.allclose(weight, second[name], atol=0 if kind != "gemma2" else 1e-7, rtol=0), name
    assert back.summary["proof_drift"] < 1e-6
    assert back.meta["parameters"] == out.meta["parameters"] == sum(one.size for one in first.values())
    assert (back.meta["max_length"], back.meta["gguf"]["pre"]) == (256, rule)


def test_every_architecture_that_is_known_was_tried(tmp_path: Path) -> None:
    tried = {f"{name}ForCausalLM" for name, _ in CLASSES.values()}
    assert tried == {name for names in KNOWN.values() for name in names}


@pytest.fixture(scope="module")
def back(llama_gguf: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return imported(llama_gguf, Bench(tmp_path_factory.mktemp("back")))


def test_a_folder_from_gguf_loads_in_transformers_as_any_other(llama: Model, back: Model) -> None:
    network = AutoModelForCausalLM.from_pretrained(back.path)
    assert (type(network).__name__, str(network.dtype)) == ("LlamaForCausalLM", "torch.float32")
    assert not getattr(network, "is_quantized", False)
    assert network.lm_head.weight is network.model.embed_tokens.weight
    tokenizer = AutoTokenizer.from_pretrained(back.path)
    special = (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token)
    assert special == ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
    settings = json.loads((back.path / "config.json").read_text())
    assert [settings[f"{role}_token_id"] for role in ("bos", "eos", "pad")] == [1, 2, 0]
    assert tokenizer.model_max_length == 256


def test_texts_have_the_same_tokens_and_the_template_the_same_text(llama: Model, back: Model) -> None:
    first, second = (AutoTokenizer.from_pretrained(one.path) for one in (llama, back))
    for text in (*texts.COMPOSED, *texts.DECOMPOSED):
        assert first(text).input_ids == second(text).input_ids
        assert second.decode(second(text).input_ids) == text
    assert (back.path / "chat_template.jinja").read_text() == TEMPLATE
    said = [{"role": "user", "content": "Wie geht's?"}]
    shown = [
        one.apply_chat_template(said, tokenize=False, add_generation_prompt=True) for one in (first, second)
    ]
    assert shown == ["<|im_start|>user\nWie geht's?<|im_end|>\n<|im_start|>assistant\n"] * 2


def test_the_same_model_gives_the_same_bytes(llama: Model, llama_gguf: Model, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert exported(llama, bench).digest == llama_gguf.digest
    one, two = (imported(llama_gguf, bench, name) for name in ("one", "two"))
    assert one.digest == two.digest


def test_f16_is_half_as_large_and_near(llama: Model, llama_gguf: Model, tmp_path: Path) -> None:
    out = exported(llama, Bench(tmp_path), type="f16")
    assert out.meta["gguf"]["types"] == ["F16", "F32"]
    tensors = [gguf_file.read(one.path / "model.gguf") for one in (out, llama_gguf)]
    half, whole = (sum(t.elements * (2 if t.type == 1 else 4) for t in one.tensors) for one in tensors)
    assert half < 0.51 * whole
    assert 1e-6 < out.summary["proof_logprob_difference"] < 0.1


def test_licence_and_name_are_kept(llama: Model, tmp_path: Path) -> None:
    facts = {"license": "apache-2.0", "name": "Toy", "organization": "Example"}
    model = Model(path=llama.path, meta={"gguf": {"pre": "smollm", "general": facts}})
    bench = Bench(tmp_path)
    out = exported(model, bench)
    assert {key: out.meta["gguf"]["general"][key] for key in facts} == facts
    assert imported(out, bench).meta["gguf"]["general"] == out.meta["gguf"]["general"]


def test_a_model_without_a_chat_template_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    out = exported(toy(tmp_path / "toy", template=""), bench)
    back = imported(out, bench)
    assert not (back.path / "chat_template.jinja").exists()
    said = [event["line"] for event in bench.events if event["event"] == "line"]
    assert len(said) == 2
    assert all("no chat template" in line for line in said)


def test_templates_with_names_come_along(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    model = toy(tmp_path / "toy", template={"default": TEMPLATE, "rag": "{{ messages[0]['content'] }} cited"})
    back = imported(exported(model, bench), bench)
    first, second = (AutoTokenizer.from_pretrained(one.path).chat_template for one in (model, back))
    assert first == second
    assert set(second) == {"default", "rag"}


def test_an_end_of_turn_ends_an_answer_too(llama_gguf: Model, tmp_path: Path) -> None:
    def change(metadata: dict[str, object]) -> None:
        metadata["tokenizer.ggml.eot_token_id"] = 0

    (tmp_path / "given").mkdir()
    rewritten(llama_gguf.path / "model.gguf", tmp_path / "given" / "m.gguf", change)
    back = imported(Model(path=tmp_path / "given", format="gguf"), Bench(tmp_path))
    assert json.loads((back.path / "generation_config.json").read_text())["eos_token_id"] == [2, 0]


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
def test_what_a_file_does_not_say_is_what_llama_cpp_takes(kind: str, tmp_path: Path) -> None:
    """Rotary base 10,000, and as many heads of keys as of queries."""
    model = toy(tmp_path / "toy", kind, rule="qwen2", rope_theta=10000.0, num_key_value_heads=4)
    out = exported(model, Bench(tmp_path))
    given = tmp_path / "given"
    given.mkdir()

    def change(metadata: dict[str, object]) -> None:
        for key in ("rope.freq_base", "attention.head_count_kv"):
            del metadata[f"{kind}.{key}"]

    rewritten(out.path / "model.gguf", given / "m.gguf", change)
    back = imported(Model(path=given, format="gguf"), Bench(tmp_path))
    assert back.summary["proof_drift"] < 1e-6
    settings = json.loads((back.path / "config.json").read_text())
    assert settings["rope_parameters"]["rope_theta"] == 10000.0


def test_weights_in_half_precision_and_rows_without_a_token(tmp_path: Path) -> None:
    """As published models often are: bfloat16, and an embedding table rounded up."""
    bench = Bench(tmp_path)
    toy(tmp_path / "toy")
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "toy", dtype="bfloat16")
    network.resize_token_embeddings(416)
    network.save_pretrained(tmp_path / "toy")
    model = Model(path=tmp_path / "toy", meta={"gguf": {"pre": "smollm"}})
    back = imported(exported(model, bench), bench)
    table = load_file(back.path / "model.safetensors")["model.embed_tokens.weight"]
    assert (table.shape, str(table.dtype)) == ((416, 64), "float32")
    assert np.array_equal(table, network.model.embed_tokens.weight.detach().float().numpy())


def test_greedy_text_does_not_depend_on_what_was_computed_before(llama_gguf: Model) -> None:
    with opened(llama_gguf.path / "model.gguf", threads=1) as llama:
        ids = llama.encode("Once upon a time")
        first, rows = llama.greedy(ids, 8)
        llama.logits(llama.encode("something else"))
        again, _ = llama.greedy(ids, 8)
        whole = llama.logits([*ids, *first[:-1]])
    assert first == again
    assert rows.shape == whole.shape == (len(ids) + 7, 400)
    assert np.abs(rows - whole).max() < 1e-3
