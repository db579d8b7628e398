"""Texts that are cut are counted and said, in training, in evaluation and on the reviewer's page."""

from dataclasses import replace

import pytest

from releases import word_counter
from slmworks.contract.artifact import Dataset, Report
from slmworks.contract.runtime import Truncating, open_runtime
from slmworks.contract.truncation import Truncation
from slmworks.evaluate.quality import Quality
from slmworks.evaluate.quality_report import QualityReport
from slmworks.model_tasks import truncation
from slmworks.model_tasks.feature_extraction.onnx import OnnxEmbedder
from slmworks.packet import sections
from slmworks.packet.sources import Found
from slmworks.testing import sealed
from slmworks_torch.bag_of_embeddings import BagOfEmbeddings
from slmworks_torch.classifier import FinetuneClassifier
from slmworks_torch.logit_kd import LogitKD


@pytest.fixture(scope="session")
def long_reviews(tiny_reviews: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The reviews, every second one with twelve words more."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("long-reviews")
    for split in tiny_reviews.splits:
        rows = [dict(row) for row in tiny_reviews.rows(split, "id", "text", "label", "source")]
        for row in rows[::2]:
            row["text"] += " the camera" * 6
        schema = pa.schema([(name, pa.string()) for name in ("id", "text", "label", "source")])
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{split}.parquet")
    return sealed(Dataset(path=folder, meta=dict(tiny_reviews.meta)))


def lines(bench) -> list[str]:
    return [event["line"] for event in bench.events if event["event"] == "line"]


def test_words_beyond_the_length_are_counted_without_special_tokens(tiny_classifier):
    short = replace(tiny_classifier, meta={**tiny_classifier.meta, "max_length": 8})
    found = truncation.of_model(short, ["the camera is great", "the camera is great the camera is bad", ""])
    assert found == Truncation(texts=3, cut_texts=1, tokens=12, cut_tokens=2)
    assert found.shares == {"share_of_texts_cut": 0.3333, "share_of_tokens_cut": 0.1667}
    assert truncation.of_model(tiny_classifier, ["half \ud83d a pair"]).shares == {}
    assert truncation.of_model(replace(short, meta={}), ["the camera " * 9]).shares == {}


@pytest.mark.parametrize(("cut", "warned"), [(0, False), (5, False), (6, True), (100, True)])
def test_people_are_warned_from_a_twentieth_on(cut, warned):
    said = Truncation(texts=100, cut_texts=cut, tokens=1000, cut_tokens=cut).warning("training")
    assert bool(said) is warned
    if warned:
        assert (
            f"{cut}.0 % of the training texts are longer than the model reads, and {cut / 10} % of all"
            in said
        )


def test_training_says_what_it_cuts(bench, tiny_encoder, tiny_classifier, long_reviews):
    quick = {"epochs": 1, "max_length": 16}
    tuned = FinetuneClassifier(**quick).run(model=tiny_encoder, data=long_reviews, task=bench.task("tune"))
    assert tuned.summary["share_of_texts_cut"] == 0.5
    assert 0.1 < tuned.summary["share_of_tokens_cut"] < 0.5
    (said,) = lines(bench)
    assert said.startswith("warning: 50.0 % of the training texts are longer than the model reads")
    for plugin in (LogitKD(**quick), BagOfEmbeddings(augment=0, **quick)):
        made = plugin.run(
            teacher=tiny_classifier, student=None, data=long_reviews, task=bench.task(type(plugin).__name__)
        )
        assert made.summary["share_of_texts_cut"] > 0.3
    assert len(lines(bench)) == 3


def test_training_on_texts_that_are_read_whole_says_nothing(bench, tiny_encoder, tiny_reviews):
    made = FinetuneClassifier(epochs=1, max_length=24).run(
        model=tiny_encoder, data=tiny_reviews, task=bench.task("tune")
    )
    assert not {"share_of_texts_cut", "share_of_tokens_cut"} & set(made.summary)
    assert lines(bench) == []


def page_of(report: Report) -> str:
    """What the reviewer's page shows of a report beside tables that all model tasks have."""
    found = Found(candidate=QualityReport(report), teacher=None, champion=None, speed=None)
    return "".join(sections.of_model_task(found))


def test_evaluation_says_what_is_cut_and_the_page_shows_it(bench, tiny_classifier, long_reviews):
    short = replace(tiny_classifier, meta={**tiny_classifier.meta, "max_length": 16})
    plugin = Quality(resamples=50, trivial=False)
    report = plugin.run(model=short, baseline=None, data=long_reviews, task=bench.task("quality"))
    test = report.read()["splits"]["test"]
    assert test["details"]["truncation"] == {
        "share_of_texts_cut": 0.5,
        "share_of_tokens_cut": report.summary["share_of_tokens_cut"],
    }
    assert [line.partition(" are")[0] for line in lines(bench)] == [
        "warning: 50.0 % of the validation texts",
        "warning: 50.0 % of the test texts",
    ]
    page = page_of(report)
    assert "50.0 % of the texts are longer than the model reads" in page


def test_a_report_on_texts_that_are_read_whole_is_as_before(bench, tiny_classifier, tiny_reviews):
    plugin = Quality(resamples=50, trivial=False)
    report = plugin.run(model=tiny_classifier, baseline=None, data=tiny_reviews, task=bench.task("quality"))
    test = report.read()["splits"]["test"]
    assert set(test["details"]) == {"classes", "confusion", "calibration"}
    assert "longer" not in page_of(report)


def test_a_runtime_says_which_texts_it_cut(tmp_path):
    model = word_counter(tmp_path / "model")  # reads 32 tokens
    runtime = open_runtime(model, threads=1)
    rows = [{"text": "good " * 32}, {"text": "good " * 33}, {"text": ""}, {"text": "bad " * 400}]
    answers, cut = runtime.answer_truncated(rows)
    assert cut == [False, True, False, True]
    assert answers == runtime.answer(rows)
    assert set(answers[1]) == {"label", "score", "scores"}  # what is evaluated and shipped stays as it is
    assert runtime.answer_truncated([]) == ([], [])
    assert sum(cut) == truncation.of_model(model, [row["text"] for row in rows]).cut_texts


def test_an_embedder_says_it_too(tmp_path):
    word_counter(tmp_path)
    (tmp_path / "embedding.json").write_text('{"max_length": 8}')
    runtime = OnnxEmbedder(tmp_path)
    assert isinstance(runtime, Truncating)
    answers, cut = runtime.answer_truncated([{"text": "good " * 9}, {"text": "good " * 8}])
    assert (cut, answers[0]) == ([True, False], answers[1])
