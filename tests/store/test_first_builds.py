"""A store of version 0.1's first builds (without format.json, keys to look up, a chain) under today's code.

`first_builds.tar.xz` holds what commit c889c26 left of `run` and `approve reviews 1`: a teacher of 7,267 weights, a
student, its int8 file, one champion. Left out are MLflow's files, which are written again, and that machine's locks.
"""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import slmworks
from slmworks.cli.main import cli
from slmworks.registry.log import Registry
from slmworks.store import layout, open_store
from stories import Story

RECIPE = """\
name: reviews
steps:
  raw: {stage: fetch, from: {train: RAW}}
  curate: {uses: text, from: {data: raw}, with: {test: 0.2, validation: 0.15}}
  teacher: {stage: finetune, uses: classifier, from: {model: ENCODER, data: curate}, with: {epochs: 6}}
  baseline: {stage: evaluate, from: {model: teacher, data: curate}}
  champion: {stage: evaluate, from: {model: "models:/reviews@champion", baseline: baseline, data: curate}}
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The store, unpacked."""
    with tarfile.open(Path(__file__).with_name("first_builds.tar.xz")) as packed:
        packed.extractall(tmp_path / "store")
    return tmp_path / "store"


def call(store: Path, *words: str) -> str:
    done = CliRunner().invoke(cli, [*words, "--store", str(store)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def bytes_of(store: Path) -> dict[str, str]:
    """Everything that it held at first: path -> sha256."""
    files = (path for path in store.rglob("*") if path.is_file() and "local" not in path.parts)
    return {str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_what_it_knows_is_known_and_stays_as_it_is(store):
    before = bytes_of(store)
    assert "champion" in call(store, "models")
    assert "accuracy 1" in call(store, "runs", "2026")
    assert "sound  reviews: 2 entries, without a chain" in call(
        store, "models", "--audit", "--tracking", "none"
    )
    assert "onnxruntime" in call(store, "compare", "reviews@1", "reviews@1")
    assert "nothing to let go of" in call(store, "gc", "--dry-run")
    way = call(store, "lineage", "reviews@champion")
    for edge in ("quantized-from", "distilled-from", "tuned-from", "fetch files  train.csv", "decided-on"):
        assert edge in way
    after = bytes_of(store)
    assert {path: after.get(path) for path in before} == before
    assert layout.KEY not in after


def test_its_champion_answers(store):
    model = slmworks.load("reviews@champion", store=store)
    assert [model(text)["label"] for text in ("the lamp is great", "the kettle is awful")] == [
        "positive", "negative",
    ]  # fmt: skip


def test_a_recipe_is_planned_beside_it_with_its_champion(store, tmp_path):
    (raw,) = store.glob("objects/*/train/train.csv")
    (encoder,) = store.glob("objects/*/model/model.safetensors")
    recipe = tmp_path / "reviews.yaml"
    recipe.write_text(RECIPE.replace("RAW", str(raw)).replace("ENCODER", str(encoder.parent)))
    said = call(store, "plan", str(recipe))
    assert "about 4.3 s" in said  # what the teacher took then
    assert "champion" in said


def test_the_first_run_of_today_says_the_format_and_adds_to_the_log(store, tmp_path):
    opened = open_store(str(store))
    Story(opened, tmp_path / "story", "run-2").tell(3.0).end()
    assert json.loads(opened.read(layout.KEY) or b"{}")["format"] == layout.FORMAT
    Registry(opened).approve("reviews", 2, who="ada", how="claimed: a test", why="better")
    state = Registry(opened).state("reviews")
    assert (state.aliases["champion"], state.aliases["previous"]) == (2, 1)
    assert "sound" in call(store, "models", "--audit", "--tracking", "none")
