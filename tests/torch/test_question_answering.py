"""Readers: an encoder learns to answer, a student learns where it points, and what can't be learnt is refused."""

from dataclasses import replace

import pytest

import asked
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_onnx.dynamic import OnnxDynamic
from slmworks_onnx.export import ExportOnnx
from slmworks_onnx.static import OnnxStatic
from slmworks_torch import hf_folder
from slmworks_torch.words import reading
from slmworks_torch.words.qa_kd import QAKD
from slmworks_torch.words.question_answering import FinetuneQA

QUICK = {"epochs": 10, "learning_rate": 3e-3, "batch_size": 16, "max_length": 48, "dropout": 0.0}


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return asked.dataset(tmp_path_factory.mktemp("asked"))


@pytest.fixture(scope="module")
def reader(tiny_encoder: Model, questions: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    task = Bench(tmp_path_factory.mktemp("reader")).task("finetune")
    return sealed(FinetuneQA(**QUICK).run(model=tiny_encoder, data=questions, task=task))


@pytest.fixture(scope="module")
def student(reader: Model, questions: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    task = Bench(tmp_path_factory.mktemp("qa-student")).task("distill")
    options = {**QUICK, "epochs": 5, "layers": [0, 1, 2], "augment": 1, "alpha": 0.5, "max_length": None}
    return sealed(QAKD(**options).run(teacher=reader, student=None, data=questions, task=task))


def said(model: Model, data: Dataset) -> list[str]:
    found = answer_all(open_runtime(model, threads=1), data.rows("test", "question", "context"))
    return [one["answer"] for one in found]


def test_an_encoder_becomes_a_reader_and_its_student_keeps_that(
    reader: Model, student: Model, questions: Dataset
) -> None:
    assert reader.meta == {
        "task": "question-answering", "unanswerable": False, "max_length": 48, "parameters": 40258,
    }  # fmt: skip
    assert reader.summary["f1"] > 0.85
    wanted = [row["answers"][0]["text"] for row in questions.rows("test", "answers")]
    assert sum(one == other for one, other in zip(said(reader, questions), wanted, strict=True)) > 48
    assert student.summary["kept"] > 0.85
    assert (student.summary["layers"], student.summary["transfer_rows"]) == (3, 60)
    assert student.summary["altered_rows"] == 400


def test_exported_and_quantized_it_answers_alike(student: Model, questions: Dataset, bench: Bench) -> None:
    exported = ExportOnnx().run(model=student, task=bench.task("export"))
    assert said(exported, questions) == said(student, questions)
    int8 = OnnxDynamic().run(model=student, calibration=None, task=bench.task("int8"))
    same = zip(said(int8, questions), said(exported, questions), strict=True)
    assert sum(one == other for one, other in same) > 50
    with pytest.raises(BadRequest, match="question-answering reads question, context; use onnx-dynamic"):
        OnnxStatic().run(model=student, calibration=questions, task=bench.task("static"))


def test_a_long_context_is_read_in_windows_alone_as_together(reader: Model, questions: Dataset) -> None:
    rows = questions.rows("test", "question", "context")[:3]
    long = [
        {"question": row["question"], "context": f"{row['context']} {'so it goes. ' * 40}"} for row in rows
    ]
    runtime = open_runtime(reader, threads=1)
    together = runtime.answer([*long, *rows])
    alone = [runtime.answer([row])[0] for row in [*long, *rows]]
    assert [one["answer"] for one in together] == [one["answer"] for one in alone]
    assert runtime.answer([]) == []
    strange = runtime.answer(
        [{"question": "\ud83d", "context": ""}, {"question": "?" * 400, "context": "ada"}]
    )
    assert [one["answer"] for one in strange] == ["", "ada"]


def test_windows_without_the_answer_point_at_nothing(reader: Model, questions: Dataset) -> None:
    network = hf_folder.load(reader, "AutoModelForQuestionAnswering", port="model", max_length=32)
    context = f"{'so it goes. ' * 12}the buyer was ada. {'so it goes. ' * 12}"
    answer = [{"text": "ada", "start": context.index("ada")}]
    rows = reading.AskedRows(["a", "b"], ["who?"] * 2, [context] * 2, [answer, []])
    own = reading.windows(network, rows)
    found = [goal for goal, row in zip(own.goals, own.row, strict=True) if row == 0]
    assert {(0, 0)} < set(found)
    for (first, last), words in zip(own.goals, own.own, strict=True):
        assert first == last
        if first:
            start, end = own.spans[0][words[first - 1][0]]
            assert context[start:end] == "ada"
    assert {goal for goal, row in zip(own.goals, own.row, strict=True) if row == 1} == {(0, 0)}


def test_it_learns_that_there_may_be_no_answer(
    tiny_encoder: Model, questions: Dataset, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = reading.asked_rows

    def without(data: Dataset, split: str) -> reading.AskedRows:
        found = real(data, split)
        for place, question in enumerate(found.questions):
            if question.startswith("who"):
                found.questions[place], found.answers[place] = "why?", []
        return found

    monkeypatch.setattr(reading, "asked_rows", without)
    data = replace(questions, meta={**questions.meta, "unanswerable": True})
    made = FinetuneQA(**{**QUICK, "epochs": 6}).run(model=tiny_encoder, data=data, task=bench.task("none"))
    runtime = open_runtime(made, threads=1)
    context = questions.rows("test", "context")[0]["context"]
    why, where = runtime.answer([{"question": q, "context": context} for q in ("why?", "where was it?")])
    assert why["answer"] == ""
    assert where["answer"]


def test_what_cannot_be_learnt_from_is_refused(
    tiny_encoder: Model, reader: Model, questions: Dataset, bench: Bench
) -> None:
    with pytest.raises(BadRequest, match="teacher: this model answers no questions"):
        QAKD().run(teacher=tiny_encoder, student=None, data=questions, task=bench.task("one"))
    with pytest.raises(BadRequest, match="max_length: 16 tokens are too few for a question"):
        QAKD(max_length=16).run(teacher=reader, student=None, data=questions, task=bench.task("two"))
    with pytest.raises(BadRequest, match="a student is given; leave out one"):
        QAKD(layers=[0]).run(teacher=reader, student=reader, data=questions, task=bench.task("three"))
    with pytest.raises(BadRequest, match="row 'transfer-0' of the split 'transfer' has no answer"):
        reading.asked_rows(questions, "transfer")
