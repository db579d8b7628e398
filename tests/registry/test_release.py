"""A release stands alone, comes out the same each time, and is not served when anyone touched it."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from reading import reading, span_finder  # noqa: F401 - a fixture
from releases import BY, approve, edit, register, verdict_on, word_counter
from slmworks.approve.log import ApprovalLog
from slmworks.contract.errors import BadRequest
from slmworks.register.release import MlflowRelease
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release, build, digests, wrapper_digest
from slmworks.store import open_store
from slmworks.testing import Bench

LOAD = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("slmworks", "torch", "transformers"):
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, Refuse())
import json, mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
example = model.input_example
answer = model.predict(pd.DataFrame({"text": ["good good", "awful", "plain"]}))
print(json.dumps({
    "labels": list(answer["label"]), "scores": answer["scores"][0], "score": answer["score"][0],
    "example": list(model.predict(example)["label"]),
    "inputs": model.metadata.signature.inputs.input_names(),
    "outputs": model.metadata.signature.outputs.input_names(),
    "slmworks": [name for name in sys.modules if name.startswith("slmworks")],
}))
"""


LOAD_SPANS = """
import sys
sys.modules["slmworks"] = None
import json, mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
contexts = ["is " * (number % 7) + f"in place{number}" for number in range(40)]
answer = model.predict(pd.DataFrame({"question": "Where?", "context": contexts}))
signature = model.metadata.signature
print(json.dumps({
    "spans": list(answer["span"]), "example": model.predict(model.input_example)["span"][0],
    "inputs": [f"{one.name}: {one.type}" for one in signature.inputs],
    "outputs": [f"{one.name}: {one.type}" for one in signature.outputs],
}))
"""


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def model(tmp_path):
    return word_counter(tmp_path / "model")


def test_it_loads_with_mlflow_where_slmworks_is_not_installed(store, model):
    release = register(store, model)
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-I", "-c", LOAD, str(release.path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["labels"] == ["positive", "negative", "neutral"]
    assert said["scores"]["positive"] == said["score"] > 0.9
    assert said["example"] == ["positive"]
    assert (said["inputs"], said["outputs"]) == (["text"], ["label", "score", "scores"])
    assert said["slmworks"] == []


def test_a_model_of_another_model_task_loads_with_mlflow_too(reading, store, tmp_path):
    release = register(store, span_finder(tmp_path / "finder"), name="spans")
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-I", "-c", LOAD_SPANS, str(release.path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["spans"] == [f"place{number}" for number in range(40)]  # in two batches, by length
    assert said["example"] == "Oslo"
    assert said["inputs"] == ["question: DataType.string", "context: DataType.string"]
    assert said["outputs"] == [
        "span: DataType.string", "start: DataType.long", "scores: Map(str -> DataType.double)", "others: Array(string)",
    ]  # fmt: skip
    pinned = (release.path / "requirements.txt").read_text().splitlines()
    assert [line.split("==")[0] for line in pinned] == ["mlflow", "numpy", "pandas"]


def test_a_runtime_that_needs_slmworks_cannot_be_released(reading, tmp_path):
    model = dataclasses.replace(span_finder(tmp_path / "finder"), format="hf")
    line = (
        "format 'hf' cannot be released: no runtime of reading-comprehension for it stands alone. No step "
        "exports that format: make the model that it came from one of words instead"
    )
    with pytest.raises(BadRequest, match=line):
        build(tmp_path, model)


def test_the_classifiers_signature_is_as_it_was(store, model):
    release = register(store, model)
    signature = json.loads((release.path / "MLmodel").read_text())["signature"]
    assert json.loads(signature["inputs"]) == [{"type": "string", "name": "text", "required": True}]
    assert json.loads(signature["outputs"]) == [
        {"type": "string", "name": "label", "required": True},
        {"type": "double", "name": "score", "required": True},
        {"type": "map", "values": {"type": "double", "required": True}, "name": "scores", "required": True},
    ]


def test_it_holds_exactly_the_model_that_was_judged(store, model):
    release = register(store, model)
    assert release.meta["model_digest"] == model.digest == release.refs["model"]
    assert "slmworks" not in (release.path / "requirements.txt").read_text()


def test_the_same_model_gives_the_same_bytes(tmp_path, model):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        build(tmp_path / name, model)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_registering_again_keeps_version_and_bytes_also_under_a_new_verdict(store, model, tmp_path):
    first = register(store, model)
    second_verdict = verdict_on(model, tmp_path / "other")
    (second_verdict.path / "verdict.json").write_text('{"passed": true, "n": 2}')
    again = register(store, model, dataclasses.replace(second_verdict, digest="another"))
    assert again.digest == first.digest
    assert again.meta["version"] == 1
    assert register(store, word_counter(tmp_path / "stronger", 3.0)).meta["version"] == 2


def test_what_is_registered_already_is_handed_on_without_building(store, model):
    first = register(store, model)
    again = register(store, model)
    assert (again.path, again.digest) == (first.path, first.digest)
    assert (again.meta, again.refs) == (first.meta, first.refs)
    edit(first.path / "model/labels.json", "{}")
    assert digests(register(store, model).path).whole == first.digest  # damaged: made anew


def test_the_wrapper_is_known_before_it_is_built(tmp_path, model):
    (tmp_path / "release").mkdir()
    assert build(tmp_path / "release", model).wrapper == wrapper_digest(model)


def test_the_log_names_the_release_before_it_is_committed(store, model):
    release = register(store, model)
    entry = Registry(store).state("reviews").candidate.registered
    assert entry.release == release.digest


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"format": "hf"},
            "format 'hf' cannot be released: no runtime of text-classification .*Export it first",
        ),
        ({"format": "gguf"}, "format 'gguf' cannot be released: no runtime .* stands alone"),
        ({"format": "openai"}, r"^a hosted model cannot be released: .* Release a model of your own; "),
        ({"meta": {}}, "without a task cannot be released; fine-tune it first"),
    ],
)
def test_a_model_that_cannot_be_served_is_refused(tmp_path, model, change, line):
    with pytest.raises(BadRequest, match=line):
        build(tmp_path, dataclasses.replace(model, **change))


def test_a_refused_verdict_registers_nothing(store, model, tmp_path):
    with pytest.raises(BadRequest, match="the gate refused"):
        register(store, model, verdict_on(model, tmp_path / "verdict", passed=False))
    assert Registry(store).names() == []


def test_a_name_that_mlflow_would_not_take_is_refused_before_anything_runs():
    with pytest.raises(ValueError, match="pattern"):
        MlflowRelease(name="reviews/v2")


def test_the_champion_is_handed_out_and_a_candidate_is_not(store, model):
    release = register(store, model)
    registry = Registry(store)
    with pytest.raises(
        BadRequest, match=r"no approved version to serve\. Approve v1: slmworks approve reviews 1"
    ):
        approved_release(registry, "reviews")
    with pytest.raises(BadRequest, match="v1 is not approved yet"):
        approved_release(registry, "reviews", 1)
    approve(store)
    assert approved_release(registry, "reviews").folder == release.path


def test_a_rejected_version_is_not_handed_out(store, model):
    register(store, model)
    Registry(store).reject("reviews", 1, **BY, why="rude")
    with pytest.raises(BadRequest, match=r"v1 was rejected by ada .*\(rude\)"):
        approved_release(Registry(store), "reviews", 1)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("model/labels.json", "v1's model is .*, the approval names"),
        ("runtime.py", "v1's wrapper is .*, the approval names"),
        ("model/new.txt", "v1's model is .*, the approval names"),
        ("README.md", "v1: its slmworks.json or README.md was changed"),
        ("slmworks.json", "v1: its slmworks.json or README.md was changed"),
    ],
)
def test_an_edited_file_is_found_out(store, model, file, line):
    release = register(store, model)
    approve(store)
    path = release.path / file
    if path.exists():
        edit(path, path.read_text() + " ")
    else:
        path.write_text("")
    with pytest.raises(BadRequest, match=line):
        approved_release(Registry(store), "reviews")


def test_the_approve_step_hands_on_what_was_approved_and_nothing_else(store, model, tmp_path):
    release = register(store, model)
    task = Bench(tmp_path).release_task("approve", store)
    with pytest.raises(BadRequest, match="not approved yet"):
        ApprovalLog().run(release=release, task=task)
    approve(store)
    handed_on = ApprovalLog(reviewers=("ml-leads",)).run(release=release, task=task)
    assert handed_on is release
