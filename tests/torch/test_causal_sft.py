"""Supervised fine-tuning: it learns to answer and to stop, keeps the folder, and refuses what it can't learn from."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from orders import dataset, order, orders, row
from toys import exported, save, toy

import families
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch.causal.sft import SupervisedFinetune

QUICK = {"epochs": 2, "learning_rate": 3e-3, "batch_size": 8}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return toy(tmp_path_factory.mktemp("llama") / "model", initializer_range=0.1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return orders(tmp_path_factory.mktemp("orders"))


def tune(
    bench: Bench, model: Model, data: Dataset, name: str = "sft", *, seed: int = 0, **options: Any
) -> Model:
    plugin = SupervisedFinetune(**{**QUICK, **options})
    return sealed(plugin.run(model=model, data=data, task=bench.task(name, seed=seed)))


def lines(bench: Bench) -> list[str]:
    return [event["line"] for event in bench.events if event["event"] == "line"]


def answers(model: Model, data: Dataset) -> list[dict[str, Any]]:
    rows = [{"messages": one["messages"]} for one in data.rows("validation", "messages")]
    return list(answer_all(open_runtime(model, threads=1), rows))


def test_it_learns_to_answer_and_to_stop(bench: Bench, llama: Model, data: Dataset) -> None:
    made = tune(bench, llama, data, epochs=30)
    said = answers(made, data)
    assert {one["finish"] for one in said} == {"stop"}
    truth = [one["completion"] for one in data.rows("validation", "completion")]
    assert sum(one["text"] == true for one, true in zip(said, truth, strict=True)) >= 6
    assert made.summary["token_accuracy"] > 0.9
    assert made.summary["perplexity"] == pytest.approx(math.exp(made.summary["loss"]), rel=1e-3)
    assert made.summary["trained"] == 1.0
    assert (made.summary["rows"], made.summary["rows_left_out"]) == (60, 0)
    assert made.meta == {
        "task": "text-generation",
        "parameters": llama_parameters(llama),
        "max_new_tokens": made.meta["max_new_tokens"],
        "gguf": {"pre": "smollm"},
    }
    longest = max(one["tokens"] for one in said)
    assert longest < made.meta["max_new_tokens"] <= 2 * longest


def llama_parameters(model: Model) -> int:
    from safetensors.torch import load_file

    return sum(weight.numel() for weight in load_file(model.path / "model.safetensors").values())


def test_both_runtimes_answer_alike_after_export(bench: Bench, llama: Model, data: Dataset) -> None:
    from slmworks_gguf.quantize import QuantizeGguf

    made = tune(bench, llama, data, epochs=15)
    file = exported(made, bench)
    assert answers(file, data) == answers(made, data)
    small = sealed(QuantizeGguf(type="q8_0").run(model=file, calibration=None, task=bench.task("small")))
    assert {one["finish"] for one in answers(small, data)} == {"stop"}


def test_the_folder_keeps_its_tokenizer_and_saves_tied_weights_once(
    bench: Bench, llama: Model, data: Dataset
) -> None:
    from safetensors.torch import load_file

    made = tune(bench, llama, data)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        assert (made.path / name).read_bytes() == (llama.path / name).read_bytes(), name
    before, after = (load_file(model.path / "model.safetensors") for model in (llama, made))
    assert after.keys() == before.keys()
    assert "lm_head.weight" not in after
    config = [json.loads((model.path / "config.json").read_text()) for model in (llama, made)]
    assert config[0] == config[1]


def test_frozen_embeddings_stay_and_the_head_that_shares_them(
    bench: Bench, llama: Model, data: Dataset
) -> None:
    from safetensors.torch import load_file

    made = tune(bench, llama, data, freeze_embeddings=True)
    before, after = (load_file(model.path / "model.safetensors") for model in (llama, made))
    same = {name for name in before if before[name].equal(after[name])}
    assert same == {"model.embed_tokens.weight"}
    assert made.summary["trained"] == pytest.approx(
        1 - before["model.embed_tokens.weight"].numel() / made.meta["parameters"], abs=1e-4
    )


def test_packed_rows_teach_the_same_as_padded_ones(bench: Bench, llama: Model, data: Dataset) -> None:
    padded = tune(bench, llama, data, "padded", epochs=1)
    packed = tune(bench, llama, data, "packed", epochs=1, packing=True, tokens_at_once=300)
    assert packed.summary["loss"] == pytest.approx(padded.summary["loss"], rel=1e-3)


def test_the_same_seed_gives_the_same_bytes(bench: Bench, llama: Model, data: Dataset) -> None:
    options = {"epochs": 1, "dropout": 0.1}
    one, same, other = (
        tune(bench, llama, data, name, seed=seed, **options)
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert one.digest == same.digest != other.digest


def test_curves_and_progress_reach_the_display(bench: Bench, llama: Model, data: Dataset) -> None:
    tune(bench, llama, data)
    names = {name for event in bench.events if event["event"] == "metrics" for name in event["metrics"]}
    assert names == {"loss", "validation_loss", "validation_perplexity", "validation_token_accuracy"}
    last = [event for event in bench.events if event["event"] == "progress"][-1]
    assert (last["done"], last["total"], last["note"]) == (120, 120, "epoch 2/2")


def test_rows_that_are_too_long_are_said(bench: Bench, llama: Model, tmp_path: Path) -> None:
    long = row([("user", "x " * 100)], "y")
    data = dataset(tmp_path / "data", train=[order(1), order(2), long], validation=[order(3)])
    made = tune(bench, llama, data, max_length=90)
    (line,) = lines(bench)
    assert line.startswith("warning: 1 of 3 rows of train are left out: longer than max_length (90 tokens;")
    assert (made.summary["rows"], made.summary["rows_left_out"]) == (2, 1)


def test_raw_text_is_learnt_without_a_template(bench: Bench, tmp_path: Path) -> None:
    poem = [row([("prompt", "")], "Twinkle, twinkle, little star, how I wonder what you are.")] * 8
    data = dataset(tmp_path / "data", train=poem, validation=poem[:1])
    made = tune(bench, toy(tmp_path / "model", template="", initializer_range=0.1), data, epochs=60)
    (said,) = open_runtime(made, threads=1).answer([row([("prompt", "Twinkle, twinkle,")], None)])
    assert said["text"] == " little star, how I wonder what you are."
    assert said["finish"] == "stop"


# --- what is refused ---------------------------------------------------------------------------------


def test_a_learning_rate_that_explodes_fails_in_one_line(bench: Bench, llama: Model, data: Dataset) -> None:
    with pytest.raises(TaskFailed, match="lower learning_rate"):
        tune(bench, llama, data, learning_rate=1e38)


def test_longer_rows_than_positions_are_refused(bench: Bench, llama: Model, data: Dataset) -> None:
    with pytest.raises(
        BadRequest, match="max_length: 257 tokens are more than the 256 that the model can take"
    ):
        tune(bench, llama, data, max_length=257)


def test_data_of_another_kind_is_refused(bench: Bench, llama: Model, tiny_reviews: Dataset) -> None:
    with pytest.raises(BadRequest, match="data: it is for classification.*curate/chat"):
        tune(bench, llama, tiny_reviews)


def test_a_classifier_is_refused(bench: Bench, tiny_classifier: Model, data: Dataset) -> None:
    with pytest.raises(BadRequest, match="BertForSequenceClassification, which continues no text"):
        tune(bench, tiny_classifier, data)


@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert", "bart"])
def test_an_encoder_is_refused(family: str, bench: Bench, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="^model: ") as refused:
        tune(bench, families.write(family, tmp_path / "model"), data)
    assert "\n" not in str(refused.value)


def test_an_encoder_with_a_language_head_is_refused(
    bench: Bench, llama: Model, data: Dataset, tmp_path: Path
) -> None:
    from transformers import BertConfig, BertLMHeadModel

    folder = tmp_path / "model"
    sizes = {"vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    BertLMHeadModel(BertConfig(**sizes, intermediate_size=64, initializer_range=0.2)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(llama.path / name, folder / name)
    with pytest.raises(
        BadRequest, match="changes with the tokens behind it, so it is no causal language model"
    ):
        tune(bench, Model(path=folder, format="hf"), data)


def changed(llama: Model, folder: Path, change: Callable[[Path], object]) -> Model:
    shutil.copytree(llama.path, folder)
    change(folder)
    return replace(llama, path=folder)


def rewritten(name: str, **entries: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        said = json.loads((folder / name).read_text())
        said = {key: value for key, value in {**said, **entries}.items() if value is not None}
        (folder / name).write_text(json.dumps(said))

    return change


def broken_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def without_ends(folder: Path) -> None:
    (folder / "generation_config.json").unlink()
    rewritten("config.json", eos_token_id=None)(folder)
    rewritten("tokenizer_config.json", eos_token=None)(folder)
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m['content'] }}{% endfor %}")


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "model: the folder has no tokenizer.json"),
    "a tokenizer that is none": (
        lambda f: (f / "tokenizer.json").write_text("{}"), "model: tokenizer.json cannot be read"
    ),
    "an unknown special token": (
        rewritten("tokenizer_config.json", eos_token="<|end|>"),
        r"tokenizer_config.json names '<\|end\|>' as eos_token, and tokenizer.json has no such token",
    ),
    "an end without an embedding": (
        rewritten("generation_config.json", eos_token_id=[2, 400]), "ends an answer at token 400"
    ),
    "no end": (without_ends, "it names no token that ends an answer"),
    "no config": (lambda f: (f / "config.json").unlink(), "model: not a Hugging Face model folder"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "model: cannot be loaded"),
    "broken weights": (broken_weights, "a logit is no finite number"),
    "a template that breaks": (
        lambda f: (f / "chat_template.jinja").write_text("{{ raise_exception('only poems') }}"),
        "row 'train-0' of the split 'train': the model's chat template refuses .*only poems",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_folder_that_does_not_fit_is_refused(
    name: str, bench: Bench, llama: Model, data: Dataset, tmp_path: Path
) -> None:
    change, problem = CHANGES[name]
    with pytest.raises(BadRequest, match=problem) as refused:
        tune(bench, changed(llama, tmp_path / "model", change), data)
    assert "\n" not in str(refused.value)


def test_a_vocabulary_larger_than_the_network_is_refused(
    bench: Bench, llama: Model, data: Dataset, tmp_path: Path
) -> None:
    from tokenizers import Tokenizer

    def grow(folder: Path) -> None:
        words = Tokenizer.from_file(str(folder / "tokenizer.json"))
        words.add_tokens(["<|new|>"])
        save(words, folder)

    with pytest.raises(
        BadRequest, match=r"gives '<\|new\|>' the id 400, and the network has embeddings for 0 to 399"
    ):
        tune(bench, changed(llama, tmp_path / "model", grow), data)


def test_bfloat16_trains_too(
    bench: Bench, llama: Model, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slmworks_torch import devices

    monkeypatch.setattr(devices, "cpu_flags", lambda: frozenset({"avx512_bf16"}))
    exact = tune(bench, llama, data, "float32", precision="float32")
    made = tune(bench, llama, data, "bfloat16")
    assert made.digest != exact.digest
    assert made.summary["loss"] == pytest.approx(exact.summary["loss"], rel=0.05)
