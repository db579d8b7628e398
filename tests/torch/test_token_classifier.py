"""Taggers: an encoder learns entities, a student learns its answers, and what they can't learn from is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

import families
import tagged
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.model_tasks.token_classification.measures import keys
from slmworks.testing import Bench, sealed
from slmworks_onnx.dynamic import OnnxDynamic
from slmworks_onnx.export import ExportOnnx
from slmworks_onnx.static import OnnxStatic
from slmworks_torch.words.tag_kd import TagKD
from slmworks_torch.words.token_classifier import FinetuneTokenClassifier

QUICK = {"epochs": 6, "learning_rate": 4e-3, "batch_size": 16, "max_length": 40, "dropout": 0.0}


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return tagged.dataset(tmp_path_factory.mktemp("tagged"))


@pytest.fixture(scope="module")
def tagger(tiny_encoder: Model, sentences: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    task = Bench(tmp_path_factory.mktemp("tagger")).task("finetune")
    return sealed(FinetuneTokenClassifier(**QUICK).run(model=tiny_encoder, data=sentences, task=task))


@pytest.fixture(scope="module")
def student(tagger: Model, sentences: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    task = Bench(tmp_path_factory.mktemp("tag-student")).task("distill")
    options = {**QUICK, "layers": [0, 1], "augment": 1, "max_length": None}
    return sealed(TagKD(**options).run(teacher=tagger, student=None, data=sentences, task=task))


def answers(model: Model, data: Dataset) -> list[set[tuple[int, int, str]]]:
    found = answer_all(open_runtime(model, threads=1), data.rows("test", "text"))
    return [keys(one["entities"]) for one in found]


def test_an_encoder_becomes_a_tagger(tagger: Model, sentences: Dataset) -> None:
    assert tagger.meta["task"] == "token-classification"
    assert tagger.meta["labels"] == tagged.LABELS
    assert tagger.summary["f1"] > 0.85
    wanted = [keys(row["entities"]) for row in sentences.rows("test", "entities")]
    assert sum(one == other for one, other in zip(answers(tagger, sentences), wanted, strict=True)) > 45


def test_a_student_of_a_smaller_vocabulary_keeps_what_its_teacher_finds(student: Model) -> None:
    assert student.summary["kept"] > 0.9
    assert student.summary["transfer_rows"] == 60
    assert student.summary["altered_rows"] == 320
    assert student.summary["layers"] == 2


def test_exported_and_quantized_it_answers_alike(student: Model, sentences: Dataset, bench: Bench) -> None:
    exported = ExportOnnx().run(model=student, task=bench.task("export"))
    assert exported.meta == student.meta
    assert answers(exported, sentences) == answers(student, sentences)
    for plugin in (OnnxDynamic(), OnnxStatic(rows=40)):
        made = plugin.run(model=student, calibration=sentences, task=bench.task(type(plugin).__name__))
        same = zip(answers(made, sentences), answers(exported, sentences), strict=True)
        assert sum(one == other for one, other in same) > 50
        assert made.summary["bytes"] < exported.summary["bytes"]


def test_a_long_text_is_read_in_windows(tagger: Model, sentences: Dataset) -> None:
    rows = sentences.rows("test", "text")[:20]
    text = " . ".join(row["text"] for row in rows)
    runtime = open_runtime(tagger, threads=1)
    (whole,), each = runtime.answer([{"text": text}]), runtime.answer(rows)
    said = [one["text"] for one in whole["entities"]]
    assert said[-1] in text[-60:]
    assert len(said) > 0.6 * sum(len(one["entities"]) for one in each)
    assert runtime.answer([]) == []
    assert runtime.answer([{"text": ""}, {"text": "half \ud83d"}])[0] == {"entities": []}


def test_windows_answer_alone_as_together(tagger: Model, sentences: Dataset) -> None:
    rows = [
        {"text": " ".join(row["text"] for row in sentences.rows("test", "text")[:5])},
        {"text": "Ada is here"},
    ]
    runtime = open_runtime(tagger, threads=1)
    alone = [runtime.answer([row])[0] for row in rows]
    assert [keys(one["entities"]) for one in runtime.answer(rows)] == [keys(one["entities"]) for one in alone]


def test_a_tagger_of_other_labels_gets_a_new_head(tagger: Model, sentences: Dataset, bench: Bench) -> None:
    other = replace(tagger, meta={**tagger.meta, "labels": ["ANIMAL", "PLANT"]})
    made = FinetuneTokenClassifier(**{**QUICK, "epochs": 1})
    made.run(model=other, data=sentences, task=bench.task("finetune"))
    assert any("it gets a new head" in str(event) for event in bench.events)
    bare = replace(tagger, meta={})  # its config.json says the same tags
    bench.events.clear()
    made.run(model=bare, data=sentences, task=bench.task("again"))
    assert not any("new head" in str(event) for event in bench.events)


@pytest.mark.parametrize("family", ["roberta"])
def test_other_families_learn_and_are_exported(
    family: str, sentences: Dataset, bench: Bench, tmp_path: Path
) -> None:
    model = families.write(family, tmp_path)
    options = {**QUICK, "epochs": 1, "max_length": 32}
    made = sealed(
        FinetuneTokenClassifier(**options).run(model=model, data=sentences, task=bench.task("finetune"))
    )
    exported = ExportOnnx().run(model=made, task=bench.task("export"))
    assert answers(exported, sentences) == answers(made, sentences)


def test_what_cannot_be_learnt_from_is_refused(
    tiny_encoder: Model, tiny_classifier: Model, tagger: Model, sentences: Dataset, bench: Bench
) -> None:
    unmarked = replace(sentences, path=_with_train_of_transfer(sentences, bench.folder))
    with pytest.raises(BadRequest, match="row 'transfer-0' of the split 'train' has no entities"):
        FinetuneTokenClassifier(**QUICK).run(model=tiny_encoder, data=unmarked, task=bench.task("one"))
    strange = replace(sentences, meta={**sentences.meta, "labels": ["PERSON"]})
    with pytest.raises(BadRequest, match="has the label 'PLACE', which the data set doesn't list"):
        FinetuneTokenClassifier(**QUICK).run(model=tiny_encoder, data=strange, task=bench.task("two"))
    distill = TagKD(layers=[0])
    with pytest.raises(BadRequest, match="teacher: this model tags no words"):
        distill.run(teacher=tiny_encoder, student=None, data=sentences, task=bench.task("three"))
    with pytest.raises(BadRequest, match="teacher: its tags are .* fine-tune the teacher on this data first"):
        distill.run(teacher=tagger, student=None, data=strange, task=bench.task("four"))
    with pytest.raises(BadRequest, match="a student is given; leave out one"):
        distill.run(teacher=tagger, student=tiny_encoder, data=sentences, task=bench.task("five"))


def _with_train_of_transfer(data: Dataset, folder: Path) -> Path:
    made = folder / "unmarked"
    made.mkdir()
    for split in ("validation", "test"):
        (made / f"{split}.parquet").symlink_to(data.file(split))
    (made / "train.parquet").symlink_to(data.file("transfer"))
    return made


def test_another_encoder_can_be_the_student(
    tiny_encoder: Model, tagger: Model, sentences: Dataset, bench: Bench
) -> None:
    options = {**QUICK, "epochs": 1, "vocabulary": "keep", "freeze_layers": 1}
    made = TagKD(**options).run(teacher=tagger, student=tiny_encoder, data=sentences, task=bench.task("kd"))
    assert made.summary["layers"] == 4
    assert made.meta["labels"] == tagged.LABELS
