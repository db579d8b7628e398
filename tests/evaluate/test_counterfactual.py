"""`evaluate/counterfactual` on a real classifier, with words that its answers hang on and words that they don't."""

import re

import pyarrow.parquet as pq
import pytest

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest
from slmworks.evaluate.counterfactual import Counterfactual
from slmworks.evaluate.safety_report import SafetyReport
from slmworks.numbers.statistics import wilson
from slmworks.testing import sealed

LIST = """kind,word,swap
things,camera,phone
things,lamp,kettle
opinions,great,terrible
opinions,lovely,awful
"""


@pytest.fixture
def probes(tmp_path) -> Files:
    (tmp_path / "probes/probes").mkdir(parents=True)
    (tmp_path / "probes/probes/words.csv").write_text(LIST)
    return sealed(Files(path=tmp_path / "probes"))


@pytest.fixture
def probed(bench, tiny_classifier, tiny_reviews):
    def run(name: str = "safety", **given):
        probes = given.pop("probes", None)
        plugin = Counterfactual(resamples=200, **given)
        task = bench.task(name)
        return bench.keep(plugin.run(model=tiny_classifier, data=tiny_reviews, probes=probes, task=task))

    return run


def test_answers_change_with_words_that_matter_only(probed, probes, tiny_classifier, tiny_reviews):
    report = probed(probes=probes)
    said = report.read()
    pairs = pq.read_table(report.path / "pairs.parquet").to_pylist()
    texts = dict(zip(*tiny_reviews.columns("test", "id", "text"), strict=True))
    words = {"camera", "phone", "lamp", "kettle", "great", "terrible", "lovely", "awful"}
    assert {one["id"] for one in pairs} == {
        row for row, text in texts.items() if words.intersection(re.findall(r"\w+", text))
    }
    assert all(one["text"] == texts[one["id"]] != one["swapped"] for one in pairs)
    kinds = {one["kind"]: one for one in said["details"]["kinds"]}
    assert kinds["things"]["value"] < 0.2
    assert kinds["opinions"]["value"] > 0.6
    changed = {one["id"] for one in pairs if one["changed"]}
    n = len({one["id"] for one in pairs})
    (limit,) = SafetyReport(report).limits.values()
    assert (limit.n, limit.unit) == (n, "share")
    assert limit.estimate.rounded() == wilson(len(changed), n).rounded()
    assert report.refs == {
        "model": tiny_classifier.digest,
        "data": tiny_reviews.digest,
        "probes": probes.digest,
    }
    assert report.summary == {"counterfactual_change": round(limit.estimate.value, 4)}
    first = said["details"]["examples"][0]
    assert first["before"] != first["after"]
    top = said["details"]["words"][0]
    assert top["changed"] > 0
    assert "→" in top["words"]


def test_the_same_is_drawn_again_and_kinds_are_chosen(probed, probes):
    one, two = (probed(name, probes=probes, rows=5, kinds=("things",)) for name in ("one", "two"))
    assert one.digest == two.digest
    assert one.read()["limits"]["counterfactual_change"]["n"] == 5
    assert [kind["kind"] for kind in one.read()["details"]["kinds"]] == ["things"]


def test_rows_without_any_of_the_words_are_refused(probed):
    with pytest.raises(BadRequest) as caught:
        probed(kinds=("religion", "names"))
    assert str(caught.value) == (
        "no row of 'test' has a word of the lists names, religion; give `probes` a list of words that your texts "
        "have, or `data` texts about people."
    )
