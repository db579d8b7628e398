"""The bag: ONNX like any other classifier, computes what it learnt, shares its teacher, survives int8."""

from dataclasses import replace

import numpy as np
import pytest
from shared_results import SharedResults

from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks.testing import sealed
from slmworks_torch.bag import BagClassifier, Shape, network
from slmworks_torch.bag_of_embeddings import BagOfEmbeddings
from slmworks_torch.logit_kd import LogitKD

QUICK = {"epochs": 6, "learning_rate": 1e-2, "batch_size": 32, "width": 16, "hidden": 32, "augment": 1}


def bag(bench, teacher, data, *, name="bag", task=None, **options):
    made = BagOfEmbeddings(**{**QUICK, **options}).run(
        teacher=teacher, data=data, task=task or bench.task(name)
    )
    return sealed(made)


def accuracy(model, data, split="validation"):
    rows = data.rows(split, "text", "label")
    answers = answer_all(open_runtime(model, threads=1), [{"text": row["text"]} for row in rows])
    return float(np.mean([a["label"] == row["label"] for a, row in zip(answers, rows, strict=True)]))


@pytest.mark.parametrize("pairs", [0, 64])
def test_the_file_answers_as_the_student_learnt(bench, tiny_classifier, tiny_reviews, pairs):
    made = bag(bench, tiny_classifier, tiny_reviews, pairs=pairs)
    assert sorted(f.name for f in made.path.iterdir() if f.name != "slmworks.json") == [
        "labels.json", "model.onnx", "tokenizer.json",
    ]  # fmt: skip
    assert made.format == "onnx"
    assert labels_of(made) == labels_of(tiny_classifier)
    assert made.summary["kept"] > 0.7
    assert made.summary["altered_rows"] == 240
    assert accuracy(made, tiny_reviews) == pytest.approx(made.summary["accuracy"], abs=1e-4)


@pytest.mark.parametrize("pairs", [0, 32])
@pytest.mark.parametrize(("rows", "tokens"), [(1, 1), (1, 2), (3, 9)])
def test_onnx_computes_what_torch_computes(tmp_path, tiny_classifier, pairs, rows, tokens):
    import torch
    from slmworks.model_tasks.onnx_text import open_session
    from slmworks_torch.classification import load_classifier

    torch.manual_seed(1)
    teacher = load_classifier(tiny_classifier, labels_of(tiny_classifier), port="teacher")
    net = network(Shape(vocabulary=40, pairs=pairs, width=8, hidden=16, labels=3)).eval()
    torch.nn.init.normal_(net.weights.weight)
    BagClassifier(net, teacher.tokenizer, ["a", "b", "c"], 16, 0).save(tmp_path)
    ids = np.random.default_rng(0).integers(0, 40, (rows, tokens))
    mask = np.ones_like(ids)
    mask[1:, tokens // 2 :] = 0
    (found,) = open_session(tmp_path / "model.onnx", 1).run(
        ["logits"], {"input_ids": ids, "attention_mask": mask}
    )
    with torch.no_grad():
        wanted = net(torch.from_numpy(ids), torch.from_numpy(mask)).logits.numpy()
    assert np.allclose(found, wanted, atol=1e-5)


def test_padding_changes_nothing(bench, tiny_classifier, tiny_reviews):
    runtime = open_runtime(bag(bench, tiny_classifier, tiny_reviews, pairs=64), threads=1)
    short, long = ({"text": text} for text in ("the lamp is bad", "this keyboard looks great and lovely 7"))
    alone, beside = runtime.outputs([short]), runtime.outputs([short, long])
    assert np.allclose(alone[0], beside[0], atol=1e-5)


def test_it_becomes_int8_like_any_other_classifier(bench, tiny_classifier, tiny_reviews):
    from slmworks_onnx.dynamic import OnnxDynamic

    made = bag(bench, tiny_classifier, tiny_reviews, pairs=256)
    int8 = sealed(OnnxDynamic().run(model=made, calibration=None, task=bench.task("int8")))
    assert int8.meta["quantized"]["weights_quantized_share"] > 0.9
    assert accuracy(int8, tiny_reviews) == pytest.approx(accuracy(made, tiny_reviews), abs=0.05)


def test_the_same_task_gives_the_same_bytes(bench, tiny_classifier, tiny_reviews):
    one, two = (bag(bench, tiny_classifier, tiny_reviews, name=name, epochs=1) for name in ("one", "two"))
    assert one.digest == two.digest


def test_both_kinds_of_students_and_all_their_seeds_ask_for_the_same(
    bench, tiny_classifier, tiny_reviews, tmp_path
):
    shared = SharedResults(tmp_path / "shared")
    bag(bench, tiny_classifier, tiny_reviews, task=shared.task(bench, "bag"), epochs=1, augment=2)
    assert len(shared.built) == 3  # the data, and two copies
    for name, seed, options in (
        ("layers", 1, {"augment": 1}),
        ("hot", 2, {"augment": 2, "temperature": 4.0}),
    ):
        student = LogitKD(epochs=1, **options)
        student.run(
            teacher=tiny_classifier, student=None, data=tiny_reviews, task=shared.task(bench, name, seed=seed)
        )
    assert len(shared.built) == 3
    bag(bench, tiny_classifier, tiny_reviews, task=shared.task(bench, "third"), epochs=1, augment=3)
    assert len(shared.built) == 4


def test_other_ways_of_altering_are_asked_anew(bench, tiny_classifier, tiny_reviews, tmp_path):
    shared = SharedResults(tmp_path / "shared")
    for name, rate in (("one", 0.2), ("two", 0.4)):
        task = shared.task(bench, name)
        bag(bench, tiny_classifier, tiny_reviews, task=task, epochs=1, drop_rate=rate)
    assert len(shared.built) == 3  # the data once, the copy twice


def test_embeddings_can_be_frozen(bench, tiny_classifier, tiny_reviews):
    assert bag(bench, tiny_classifier, tiny_reviews, freeze_embeddings=True).summary["accuracy"] > 0.5


def test_a_teacher_of_other_labels_is_refused(bench, tiny_classifier, tiny_reviews):
    other = replace(tiny_reviews, meta={**tiny_reviews.meta, "labels": ["bad", "fine", "good"]})
    with pytest.raises(BadRequest, match="teacher: its labels are"):
        bag(bench, tiny_classifier, other)
