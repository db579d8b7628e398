"""A release in memory: what was hashed is what answers, whatever happens to its folder meanwhile."""

import json
import tempfile
from pathlib import Path

import pytest

from reading import reading, span_finder  # noqa: F401 - a fixture
from releases import built, edit, word_counter
from slmworks.contract.artifact import HEADER
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_classification.onnx import OnnxClassifier
from slmworks.registry import loaded as loading
from slmworks.registry.log import Registry
from slmworks.registry.pulled import pull, pulled
from slmworks.registry.release import approved_release
from slmworks_serve.client import ask_release
from slmworks_serve.model import load

OTHER = {"labels": ["positive", "neutral", "negative"], "max_length": 32}
"""The labels the other way round: what a person who edits them unseen would gain."""
GOOD = [{"text": "good"}]


@pytest.fixture(params=["store", "from"])
def approved(request, store, tmp_path):
    """The champion, verified: in the store, or in a folder that was pulled."""
    if request.param == "store":
        return approved_release(Registry(store), "reviews")
    pull(Registry(store), "reviews", tmp_path / "pulled")
    return pulled(tmp_path / "pulled", "reviews")


@pytest.mark.parametrize(
    "name", ["model/labels.json", "model/model.onnx", "model/slmworks.json", "runtime.py"]
)
def test_an_edit_after_the_check_is_not_loaded(approved, name):
    (approved.folder / name).chmod(0o644)
    (approved.folder / name).write_bytes(b"{}")
    with pytest.raises(BadRequest, match="reviews v1: .* was changed while it was read") as told:
        load(approved)
    assert "\n" not in str(told.value)
    with pytest.raises(BadRequest, match="was changed while it was read"):
        ask_release(approved)  # as the deploy step does


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda folder: (folder / "model" / "more.json").write_text("{}"), "other bytes than a moment ago"),
        (lambda folder: (folder / "model" / "labels.json").unlink(), "other bytes than a moment ago"),
        (lambda folder: (folder / "numpy").symlink_to("/"), "numpy: is a link, and only plain files"),
    ],
    ids=["more", "less", "link"],
)
def test_what_was_added_or_taken_away_after_the_check_is_found(approved, change, why):
    change(approved.folder)
    with pytest.raises(BadRequest, match=why):
        load(approved)


def test_an_edit_while_it_is_loaded_changes_no_answer(approved, monkeypatch):
    opened = loading.open_runtime

    def late(*given, **more):
        edit(approved.folder / "model" / "labels.json", json.dumps(OTHER))
        for name in ("model.onnx", "tokenizer.json", HEADER):
            edit(approved.folder / "model" / name, "nothing of use")
        return opened(*given, **more)

    monkeypatch.setattr(loading, "open_runtime", late)
    loaded = load(approved)
    assert loaded.answer(GOOD)[0]["label"] == "positive"
    assert loaded.shared == {"labels": ["negative", "neutral", "positive"]}


@pytest.fixture
def private(tmp_path, monkeypatch):
    """Where private copies are made."""
    (tmp_path / "private").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "private"))
    return tmp_path / "private"


def test_it_is_loaded_from_a_copy_of_its_own(reading, tmp_path, private, monkeypatch):
    approved = built(span_finder(tmp_path / "finder"), tmp_path / "release", name="spans")
    opened = loading.open_runtime
    modes = []

    def late(*given, **more):
        edit(approved.folder / "model" / "behind.txt", "the")
        modes.extend(folder.stat().st_mode & 0o777 for folder in private.iterdir())
        return opened(*given, **more)

    monkeypatch.setattr(loading, "open_runtime", late)
    loaded = load(approved)
    assert loaded.answer([{"question": "?", "context": "the one in Oslo"}])[0]["span"] == "Oslo"
    assert modes == [0o700]
    assert [path for path in private.rglob("*") if path.is_file()] == []


def test_a_runtime_that_fails_leaves_no_copy(reading, tmp_path, private, monkeypatch):
    from reading.runtime import SpanFinder

    approved = built(span_finder(tmp_path / "finder"), tmp_path / "release", name="spans")
    monkeypatch.setattr(SpanFinder, "__init__", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load(approved)
    assert [path for path in private.rglob("*") if path.is_file()] == []


def with_weights_beside(folder: Path, strength: float = 2.0):
    """A word counter whose weights lie in `weights.bin`, as those of large models do."""
    import onnx
    from slmworks.testing import sealed

    made = word_counter(folder, strength)
    found = onnx.load(folder / "model.onnx")
    onnx.save(
        found, folder / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=100
    )
    return sealed(made)


def test_weights_beside_the_graph_are_those_that_were_approved(tmp_path, monkeypatch):
    approved = built(with_weights_beside(tmp_path / "model"), tmp_path / "release")
    with_weights_beside(tmp_path / "elsewhere", strength=-2.0)
    monkeypatch.chdir(
        tmp_path / "elsewhere"
    )  # where onnxruntime looks for the weights of a model without a path
    alone = OnnxClassifier(approved.folder / "model").answer(GOOD)
    assert load(approved).answer(GOOD) == [{**answer, "truncated": False} for answer in alone]
