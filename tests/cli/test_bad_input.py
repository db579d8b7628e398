"""What people get wrong with data, weights and models: one line with the place, exit 2, nothing kept of it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slmworks.contract.artifact import Dataset, Model

CSV = "text,label\n" + "".join(
    f"the {word} lamp {i},{label}\n" for i in range(12) for word, label in (("bad", "no"), ("good", "yes"))
)

CURATE = """\
name: bad
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: text, from: {data: raw}}
"""

BAD_SCHEMA = """\
name: bad
steps:
  raw: {stage: fetch, from: {train: train.jsonl}}
  curate:
    with: {json_schema: SCHEMA}
    uses: chat
    from: {data: raw}
"""


@pytest.fixture
def run(tmp_path: Path):
    """Write files, run a recipe, and give exit code, standard error and what was kept."""

    def run(recipe: str, **files: bytes | str) -> tuple[int, str, list[str]]:
        for name, data in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        (tmp_path / "bad.yaml").write_text(recipe)
        ended = subprocess.run(
            [sys.executable, "-m", "slmworks", "run", "bad.yaml", "--tracking", "none", "--store", "store"],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
            env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        kept = [
            json.loads(path.read_text())["producer"]["stage"]
            for path in (tmp_path / "store/tasks").glob("*.json")
        ]
        return ended.returncode, ended.stderr, sorted(kept)

    return run


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("text,lable\na,b\n", "label"),
        ("words,label\na,b\n", "text"),
        ("", "train.csv"),
        ("text,label\n", "no labelled rows to train on"),
        (CSV.replace("yes", "no"), "one"),
        (CSV.encode() + b"caf\xe9,no\n", "train.csv"),
        ("text,label\n" + "good,yes\n" * 3, "one"),
    ],
    ids=[
        "no label column",
        "no text column",
        "empty file",
        "no rows",
        "one class",
        "not UTF-8",
        "one row left",
    ],
)
def test_data_that_cannot_be_learnt_from(run, data: str | bytes, said: str) -> None:
    code, error, kept = run(CURATE, train_csv=data)
    assert code == 2, error
    assert len(error.strip().splitlines()) == 1, error
    assert error.startswith("slmworks: bad.yaml:4 steps.curate: ")
    assert said in error
    assert kept == ["fetch"]


def test_a_file_with_another_sha256(run, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(CSV)
    url = (tmp_path / "train.csv").as_uri()
    code, error, kept = run(CURATE.replace("train: train.csv", f'train: "{url}#sha256={"0" * 64}"'))
    assert code == 2, error
    assert "0" * 12 in error
    assert "steps.raw" in error
    assert kept == []


MODEL = """\
name: bad
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: text, from: {data: raw}}
  teacher: {stage: finetune, uses: classifier, from: {model: ./base, data: curate}, with: {epochs: 1, max_length: 16}}
"""


def test_weights_in_a_pickle(run) -> None:
    code, error, kept = run(
        MODEL, train_csv=CSV, base__config_json="{}", base__pytorch_model_bin=b"\x80\x04."
    )
    assert code == 2, error
    assert "is a pickle" in error
    assert "steps.teacher.from.model" in error
    assert len(error.strip().splitlines()) == 1
    assert kept == []


def test_a_folder_that_is_no_model(run) -> None:
    code, error, kept = run(MODEL, train_csv=CSV, base__weights_safetensors="x")
    assert code == 2, error
    assert "config.json" in error
    assert "finetune" not in kept


def test_a_teacher_that_knows_other_labels(
    run, tiny_classifier: Model, tiny_reviews: Dataset, tmp_path: Path
) -> None:
    from slmworks.contract.errors import BadRequest
    from slmworks.testing import Bench
    from slmworks_torch.logit_kd import LogitKD

    bench = Bench(tmp_path / "bench")
    other = Path(shutil.copytree(tiny_classifier.path, tmp_path / "other"))
    config = json.loads((other / "config.json").read_text())
    config["id2label"] = {"0": "a", "1": "b", "2": "c"}
    config["label2id"] = {"a": 0, "b": 1, "c": 2}
    (other / "config.json").write_text(json.dumps(config))
    stranger = bench.keep(
        Model(path=other, format="hf", meta={**tiny_classifier.meta, "labels": ["a", "b", "c"]})
    )
    with pytest.raises(BadRequest, match="label"):
        LogitKD(epochs=1).run(teacher=stranger, student=None, data=tiny_reviews, task=bench.task("one"))
    with pytest.raises(BadRequest, match="label"):
        LogitKD(epochs=1).run(
            teacher=tiny_classifier, student=stranger, data=tiny_reviews, task=bench.task("two")
        )


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ('{"$ref": "#"}', "refers to itself without end, and not below `properties` or `items`; see"),
        ('{"$ref": "#/a"}', "refers to '#/a', which is not in it; see json-schema.org for what a"),
        ("{type: 5}", "is no JSON Schema (5 is not valid under any of the given schemas); see"),
        ("[{}]", "input should be an object"),
        ("5", "input should be an object"),
    ],
)
def test_a_bad_json_schema_ends_in_a_line_with_its_place_before_anything_runs(
    run, schema: str, problem: str
) -> None:
    recipe = BAD_SCHEMA.replace("SCHEMA", schema)
    code, said, kept = run(recipe, train_jsonl='{"instruction": "a", "output": "b"}\n')
    assert (code, kept) == (2, [])
    assert said.startswith(f"slmworks: bad.yaml:5 steps.curate.with.json_schema: {problem}")
    assert said.count("\n") == 1
