"""Folders that hubs hold beside the usual ones: each answers right, or is refused in one line before training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import families
import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch import classification, vocabulary
from slmworks_torch.hf_folder import TextNetwork
from slmworks_torch.logit_kd import LogitKD

LABELS = ["a", "b", "c"]
TEXTS = [
    "great",
    "",
    "the camera is great and the lamp is bad " * 3,
    "zzz \U0001f9ff q\u0301 漢字",
    "a slow phone " * 40,
]
Change = Callable[[Path], None]


def config(**entries: object) -> Change:
    """Replace entries of config.json."""
    return in_json("config.json", lambda found: {**found, **entries})


def words(change: Callable[[dict[str, Any]], object]) -> Change:
    """Change tokenizer.json in place."""
    return in_json("tokenizer.json", lambda found: (change(found), found)[1])


def in_json(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    def act(folder: Path) -> None:
        (folder / name).write_text(json.dumps(change(json.loads((folder / name).read_text()))))

    return act


def written(name: str, content: str) -> Change:
    return lambda folder: (folder / name).write_text(content) and None


def weights(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """Replace the tensors of model.safetensors."""
    from safetensors.torch import load_file, save_file

    def act(folder: Path) -> None:
        file = folder / "model.safetensors"
        save_file(change(load_file(file)), file, metadata={"format": "pt"})

    return act


def both(*changes: Change) -> Change:
    return lambda folder: [change(folder) for change in changes] and None


def as_given(folder: Path) -> None:
    """No change."""


def sharded(folder: Path) -> None:
    """Two files of weights and their index."""
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    held = load_file(file)
    place = {name: f"model-0000{1 + number % 2}-of-00002.safetensors" for number, name in enumerate(held)}
    for shard in set(place.values()):
        part = {name: held[name] for name in held if place[name] == shard}
        save_file(part, folder / shard, metadata={"format": "pt"})
    index = {"metadata": {"total_size": 1}, "weight_map": place}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    file.unlink()


def rotary(**entries: object) -> dict[str, object]:
    return {"rope_parameters": {"rope_theta": 10000.0, **entries}}


def longrope(original: int) -> dict[str, object]:
    return rotary(
        rope_type="longrope",
        factor=1.5,
        original_max_position_embeddings=original,
        short_factor=[1.0] * 8,
        long_factor=[4.0] * 8,
    )


def load(family: str, folder: Path, settings: dict[str, object], change: Change, **given: Any) -> TextNetwork:
    families.write(family, folder, **settings)
    change(folder)
    given = {"port": "model", "max_length": 32, **given}
    return classification.load_classifier(sealed(Model(path=folder, format="hf")), LABELS, **given)


def differences(network: TextNetwork, folder: Path) -> list[float]:
    """Of each text alone: together, and by the runtime of the saved network, together (first) and alone."""
    encoded, every = network.encode(TEXTS), range(len(TEXTS))
    with torch.inference_mode():
        alone = torch.cat([network.net(**encoded.batch([row], "cpu")).logits for row in every]).numpy()
        together = network.net(**encoded.batch(every, "cpu")).logits.numpy()
    folder.mkdir()
    network.save(folder)
    meta = classification.meta(LABELS, network)
    runtime = open_runtime(sealed(Model(path=folder, format="hf", meta=meta)), threads=1)
    rows = [{"text": text} for text in TEXTS]
    served, each = runtime.outputs(rows), np.concatenate([runtime.outputs([row]) for row in rows])
    return [float(np.abs(found - alone).max()) for found in (together, served, each)]


LEFT = {
    "strategy": {"Fixed": 64},
    "direction": "Left",
    "pad_to_multiple_of": 8,
    "pad_id": 0,
    "pad_type_id": 0,
    "pad_token": "[PAD]",
}
CUT = {"direction": "Left", "max_length": 4, "strategy": "OnlySecond", "stride": 2}


@pytest.mark.parametrize(
    ("family", "settings", "change"),
    [
        pytest.param("roberta", {"pad_token_id": 0}, as_given, id="another padding token"),
        pytest.param("roberta", {"pad_token_id": 5}, as_given, id="positions behind the padding token"),
        pytest.param("mpnet", {}, config(pad_token_id=None), id="no padding token needed"),
        pytest.param("bert", {"vocab_size": 512}, config(pad_token_id=510), id="padding without a word"),
        pytest.param("llama", {}, config(eos_token_id=[2, 1]), id="several ends"),
        pytest.param("bert", {}, words(lambda found: found.update(padding=LEFT)), id="saved padding"),
        pytest.param("bert", {}, words(lambda found: found.update(truncation=CUT)), id="saved truncation"),
        pytest.param(
            "bert",
            {},
            words(
                lambda found: found.update(
                    post_processor={"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
                )
            ),
            id="BertProcessing",
        ),
        pytest.param("mistral", {"sliding_window": 4}, as_given, id="sliding window"),
        pytest.param(
            "bigbird",
            {"attention_type": "block_sparse", "block_size": 2, "num_random_blocks": 1},
            as_given,
            id="sparse attention",
        ),
        pytest.param("llama", rotary(rope_type="linear", factor=2.0), as_given, id="linear rotary"),
        pytest.param("llama", rotary(rope_type="dynamic", factor=2.0), as_given, id="dynamic rotary"),
        pytest.param(
            "llama",
            rotary(rope_type="yarn", factor=2.0, original_max_position_embeddings=16),
            as_given,
            id="YaRN",
        ),
        pytest.param("llama", longrope(48), as_given, id="LongRoPE below its bound"),
        pytest.param("llama", {"num_key_value_heads": 1}, as_given, id="one key head"),
        pytest.param(
            "bert",
            {},
            both(
                weights(lambda held: {name: value.bfloat16() for name, value in held.items()}),
                config(dtype="bfloat16"),
            ),
            id="bfloat16",
        ),
        pytest.param("bert", {}, sharded, id="shards"),
        pytest.param(
            "bert", {}, weights(lambda held: held | {"cls.predictions.bias": torch.zeros(5)}), id="old head"
        ),
        pytest.param(
            "bert",
            {},
            weights(lambda held: held | {"embeddings.position_ids": torch.arange(64)[None]}),
            id="old buffer",
        ),
        pytest.param("bert", {}, config(return_dict=False), id="tuples"),
        pytest.param(
            "bert", {}, config(output_hidden_states=True, output_attentions=True), id="more outputs"
        ),
        pytest.param("bert", {}, config(architectures=None), id="no architectures"),
        pytest.param("bert", {}, config(problem_type="multi_label_classification"), id="several labels"),
        pytest.param("modernbert", {"classifier_pooling": "mean"}, as_given, id="mean pooling"),
    ],
)
def test_an_odd_folder_answers_the_same_in_every_way(
    family: str, settings: dict[str, object], change: Change, tmp_path: Path
) -> None:
    network = load(family, tmp_path / "base", settings, change)
    assert max(differences(network, tmp_path / "saved")) < 1e-5
    assert json.loads((tmp_path / "saved/config.json").read_text()).get("problem_type") is None


def moved(found: dict[str, Any], name: str, value: object) -> None:
    found["model"][name] = value
    found["pre_tokenizer"] = {"type": "Whitespace"}


def shifted(held: dict[str, Any], name: str, by: float) -> dict[str, Any]:
    return held | {name: held[name] + by}


@pytest.mark.parametrize(
    ("family", "settings", "change", "says"),
    [
        ("roberta", {}, config(pad_token_id=None), "no padding token, .* set pad_token_id"),
        ("bart", {}, config(pad_token_id=None), "no padding token, .* set pad_token_id"),
        ("bert", {}, config(pad_token_id="0"), "cannot be loaded .*'pad_token_id' with value '0'"),
        ("xlm-roberta", {}, words(lambda found: moved(found, "unk_id", None)), "cannot encode every text"),
        ("bert", {}, words(lambda found: moved(found, "unk_token", "?!")), "cannot encode every text"),
        ("roberta", {}, words(lambda found: moved(found, "unk_token", "?!")), "cannot encode every text"),
        (
            "bert",
            {},
            words(lambda found: found["post_processor"]["special_tokens"]["[CLS]"].update(ids=[900])),
            "post-processor adds a token with the id 900, .* embeddings for 0 to",
        ),
        (
            "bert",
            {},
            words(lambda found: found["post_processor"].update(single=found["post_processor"]["single"] * 20)),
            "post-processor adds 40 tokens to every text, which leaves no room among 32",
        ),
        ("bert", {}, written("tokenizer.json", "{"), "tokenizer.json cannot be read"),
        ("bert", {}, words(lambda found: found["model"].update(type="Other")), "tokenizer.json cannot be read"),
        (
            "bert",
            {},
            words(lambda found: found.update(added_tokens=[], post_processor=None, model={**found["model"], "vocab": {}})),
            "holds no token",
        ),
        ("bert", {}, written("tokenizer_config.json", "{"), "tokenizer_config.json is no JSON object"),
        ("bert", {}, written("tokenizer_config.json", "[1]"), "tokenizer_config.json is no JSON object"),
        ("bert", {}, written("config.json", "null"), "not a Hugging Face model folder"),
        ("llama", longrope(16), as_given, "32 tokens are more than the 16 that the model can take"),
        (
            "bert",
            {},
            weights(lambda held: shifted(held, "encoder.layer.1.output.dense.weight", float("nan"))),
            "no finite number",
        ),
        ("bert", {}, weights(lambda held: {name: value * 0 for name, value in held.items()}), "the same output"),
        ("bert", {"is_decoder": True}, as_given, r"the same output.*\(is_decoder in an encoder\)"),
        ("bert", {}, config(num_hidden_layers=2), r"holds encoder.layer.2.* has no place"),
        (
            "bert",
            {},
            weights(
                lambda held: held
                | {"encoder.layer.0.attention.self.distance_embedding.weight": torch.ones(127, 16)}
            ),
            "distance_embedding.weight, for which the bert network .* has no place",
        ),
    ],
)  # fmt: skip
def test_a_folder_that_does_not_fit_is_refused(
    family: str, settings: dict[str, object], change: Change, says: str, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match=f"^(model|max_length): .*{says}") as refused:
        load(family, tmp_path, settings, change)
    assert "\n" not in str(refused.value)


def test_an_answer_does_not_depend_on_the_one_before(tmp_path: Path) -> None:
    sparse = {"attention_type": "block_sparse", "block_size": 2, "num_random_blocks": 1}
    network = load("bigbird", tmp_path / "base", sparse, as_given, max_length=64)
    (tmp_path / "saved").mkdir()
    network.save(tmp_path / "saved")
    meta = classification.meta(LABELS, network)
    runtime = open_runtime(sealed(Model(path=tmp_path / "saved", format="hf", meta=meta)), threads=1)
    long = [{"text": TEXTS[-1]}]
    first = runtime.outputs(long)
    runtime.outputs([{"text": "great"}])
    np.testing.assert_array_equal(runtime.outputs(long), first)


def classifier(folder: Path, change: Change, labels: list[str]) -> Model:
    """A published classifier: its labels are in config.json."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    families.write("bert", folder)
    names = dict(enumerate(labels))
    ids = {label: number for number, label in names.items()}
    of = AutoConfig.from_pretrained(folder, id2label=names, label2id=ids)
    AutoModelForSequenceClassification.from_config(of).save_pretrained(folder)
    change(folder)
    return sealed(Model(path=folder, format="hf"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            weights(lambda held: {name: held[name] for name in held if "classifier" not in name}),
            "doesn't hold classifier.bias .* answers would be random",
        ),
        (
            weights(lambda held: {name: held[name] for name in held if "pooler" not in name}),
            "doesn't hold bert.pooler.dense.bias .* answers would be random",
        ),
        (
            weights(lambda held: {name: value[:2].clone() if "classifier" in name else value for name, value in held.items()}),
            "doesn't hold classifier.bias .* answers would be random",
        ),
        (config(problem_type="multi_label_classification"), "trained for multi_label_classification"),
        (config(problem_type="regression"), "trained for regression"),
        (config(id2label={"0": "a", "2": "b", "5": "c"}), "id2label must give a label to every number"),
        (config(id2label={"a": "a", "b": "b", "c": "c"}), "id2label must give a label to every number"),
        (config(id2label=["a", "b", "c"]), "id2label must give a label to every number"),
    ],
)  # fmt: skip
def test_a_teacher_without_answers_of_its_own_is_refused(
    change: Change, says: str, bench: Bench, tiny_reviews: Dataset, tmp_path: Path
) -> None:
    teacher = classifier(tmp_path, change, tiny_reviews.meta["labels"])
    with pytest.raises(BadRequest, match=f"^teacher: .*{says}"):
        LogitKD().run(teacher=teacher, student=None, data=tiny_reviews, task=bench.task("distil"))


def padding_last(folder: Path) -> None:
    """The padding token gets the last id, which a cut vocabulary changes."""
    words(_padding_last)(folder)


def _padding_last(found: dict[str, Any]) -> None:
    known = found["model"]["vocab"]
    last = max(known, key=known.get)
    known["[PAD]"], known[last] = known[last], known["[PAD]"]
    next(token for token in found["added_tokens"] if token["content"] == "[PAD]")["id"] = known["[PAD]"]


def wordpiece(family: str, monkeypatch: pytest.MonkeyPatch, folder: Path, **settings: object) -> TextNetwork:
    """A network of the family with a WordPiece vocabulary that ends with the padding token."""
    _, kind, usual = families.FAMILIES[family]
    monkeypatch.setitem(families.FAMILIES, family, (families.wordpiece, kind, usual))
    size = families.wordpiece().get_vocab_size()
    ids = {"pad_token_id": size - 1, "bos_token_id": 2, "eos_token_id": 3}
    return load(family, folder, {**ids, **settings}, padding_last)


@pytest.mark.parametrize("family", ["bert", "mpnet", "bart", "albert", "llama", "modernbert"])
def test_a_cut_vocabulary_takes_its_padding_along(
    family: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network = wordpiece(family, monkeypatch, tmp_path / "base")
    before = network.pad
    cut = vocabulary.shrink(network, TEXTS[:3], min_count=1)
    assert cut.pad < before
    assert max(differences(cut, tmp_path / "saved")) < 1e-5


@pytest.mark.parametrize("family", ["roberta", "longformer"])
def test_positions_that_a_cut_vocabulary_would_move_are_refused(
    family: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network = wordpiece(family, monkeypatch, tmp_path, max_position_embeddings=300)
    with pytest.raises(BadRequest, match="counts positions from its padding token's id, .* vocabulary: keep"):
        vocabulary.shrink(network, TEXTS[:3], min_count=1)
