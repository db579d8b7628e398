"""The command line as a person meets it: what it prints, and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

TOY = Path(__file__).parent.parent / "toy"
ROOT = Path(__file__).parent.parent.parent

RECIPE = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv, test: test.csv}}
  curate: {uses: toy, from: {data: raw}}
"""


@pytest.fixture
def slmworks(tmp_path: Path):
    """Run a command in a folder with a recipe; gives the finished process."""
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text("rows")
    (tmp_path / "toy.yaml").write_text(RECIPE)
    env = {**os.environ, "PYTHONPATH": str(TOY), "SLMWORKS_TRACKING": "none", "NO_COLOR": "1"}

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "slmworks", *words]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env={**env, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    run.folder = tmp_path  # type: ignore[attr-defined]
    return run


def test_help_names_every_command(slmworks) -> None:
    said = slmworks("--help").stdout
    for command in (
        "run",
        "plan",
        "check",
        "plugins",
        "models",
        "lineage",
        "approve",
        "rollback",
        "serve",
        "task",
    ):
        assert f"  {command} " in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu"], "no such command 'rnu'. Did you mean 'run'?"),
        (["run"], "Missing argument 'RECIPE'"),
        (["run", "nowhere.yaml"], "nowhere.yaml: no such recipe."),
        (["run", "toy.yaml", "--fresh", "curat"], "--fresh curat: no such step. Did you mean 'curate'?"),
        (["run", "toy.yaml", "--cores", "0"], "--cores"),
        (["run", "toy.yaml", "--store", "ftp://bucket/x"], "no such kind of store"),
        (["plugins", "show", "logit-kb"], "no such plugin 'logit-kb'. Did you mean 'logit-kd'?"),
        (["models", "reviews"], "no model is registered as 'reviews'"),
        (["approve", "reviews", "1", "--because", "x"], "no model is registered as 'reviews'"),
        (["approve", "reviews", "one", "--because", "x"], "VERSION"),
        (["approve", "reviews", "1"], "Missing option '--because'"),
        (["lineage", "reviews@champion"], "no model is registered as 'reviews'"),
        (["lineage", "sync"], "nowhere to upload to"),
        (["runs", "2026"], "no run '2026'"),
        (["serve", "reviews"], "no model is registered as 'reviews'"),
        (["ui"], "nothing to show"),
        (["task", "--spec", "nonsense"], "not a task spec"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2_and_writes_nothing(slmworks, words: list[str], said: str) -> None:
    before = sorted(slmworks.folder.rglob("*"))
    ended = slmworks(*words)
    assert ended.returncode == 2, ended
    assert said in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "Traceback" not in ended.stderr
    assert sorted(slmworks.folder.rglob("*")) == before


def test_check_then_plan_then_run_then_runs(slmworks) -> None:
    assert "fine. 2 steps, 2 tasks." in slmworks("check", "toy.yaml").stdout
    assert "2 tasks, 0 cached." in slmworks("plan", "toy.yaml").stdout
    ended = slmworks("run", "toy.yaml")
    assert ended.returncode == 0, ended
    assert "✓ curate: done: rows 3" in ended.stdout
    assert "2 tasks, 2 cached." in slmworks("plan", "toy.yaml").stdout
    assert "nothing had to be made again" in slmworks("run", "toy.yaml").stdout
    listed = slmworks("runs").stdout
    assert listed.count("toy ") == 2
    run = listed.split()[listed.split().index("by") + 1]
    assert "curate toy" in slmworks("runs", run).stdout


def test_check_warns_of_what_anybody_on_the_way_can_change(slmworks) -> None:
    url = "http://example.org/a.csv"
    for given, warned in ((url, True), (f"{url}#sha256={'0' * 64}", False)):
        text = RECIPE.replace("test: test.csv", f'test: "{given}"')
        (slmworks.folder / "toy.yaml").write_text(text)
        ended = slmworks("check", "toy.yaml")
        assert ended.returncode == 0
        assert "fine. 2 steps, 2 tasks." in ended.stdout
        line = f"warning: toy.yaml:3 steps.raw.from.test: {url} is read without encryption or digest"
        assert (line in ended.stderr) is warned
        assert len(ended.stderr.splitlines()) == warned


def test_before_the_first_approval_the_plan_counts_the_champion_as_left_out(slmworks) -> None:
    with (slmworks.folder / "toy.yaml").open("a") as recipe:
        recipe.write(
            '  champion: {stage: evaluate, uses: toy, from: {model: "models:/toy@champion", data: curate}}\n'
        )
    said = slmworks("plan", "toy.yaml").stdout
    assert "4 tasks, 0 cached, 2 left out." in said
    assert said.count("left out: no model is registered as toy yet") == 2


def test_a_task_is_started_with_a_spec_and_manifests(slmworks) -> None:
    slmworks("run", "toy.yaml")
    store = slmworks.folder / ".slmworks"
    record = next(store.glob("runs/*/raw.json"))
    from slmworks.execution.spec import TaskSpec

    spec = TaskSpec(
        run="by-hand",
        id="curate",
        step="curate",
        stage="curate",
        plugin="toy",
        store=store.as_uri(),
        fresh=True,
    )
    ended = slmworks("task", "--spec", spec.encode(), "--in", f"data={record}", "--out", "out/manifest.json")
    assert ended.returncode == 0, ended.stderr
    manifest = json.loads((slmworks.folder / "out/manifest.json").read_text())
    assert manifest["kind"] == "Dataset"
    assert manifest["producer"]["plugin"] == "toy"
    wrong = slmworks("task", "--spec", spec.encode(), "--in", f"dta={record}")
    assert wrong.returncode == 2
    assert "Did you mean 'data'?" in wrong.stderr
    untaken = slmworks("task", "--spec", spec.encode(), "--in", f"teacher={record}")
    assert (untaken.returncode, "--in teacher=" in untaken.stderr) == (2, True)
    missing = slmworks("task", "--spec", spec.encode(), "--in", "data=nowhere.json")
    assert (missing.returncode, "cannot read a manifest there" in missing.stderr) == (2, True)


def test_the_schema_beside_the_recipes_is_fresh(slmworks) -> None:
    schema = slmworks("schema", PYTHONPATH="").stdout
    assert json.loads(schema) == json.loads((ROOT / "pipelines/recipe.schema.json").read_text()), (
        "run `make schema`"
    )


@pytest.mark.parametrize("recipe", sorted(ROOT.glob("pipelines/*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_fits_the_schema(recipe: Path) -> None:
    from slmworks.recipe.recipe import Recipe
    from slmworks.recipe.schema import recipe_schema
    from slmworks.recipe.yaml_file import load

    assert Recipe.read(recipe).steps
    jsonschema.Draft202012Validator(recipe_schema()).validate(
        load(recipe.read_text(), recipe.name, "a recipe", needs="")[0]
    )


def test_the_schema_completes_options_and_refuses_misspelt_ones() -> None:
    from slmworks.recipe.schema import recipe_schema

    validator = jsonschema.Draft202012Validator(recipe_schema())
    step = {
        "stage": "distill",
        "uses": "logit-kd",
        "from": {"teacher": "t", "data": "d"},
        "with": {"epochs": 2},
    }
    assert validator.is_valid({"name": "x", "steps": {"student": step}})
    assert not validator.is_valid({"name": "x", "steps": {"student": {**step, "with": {"epoch": 2}}}})
    assert not validator.is_valid({"name": "x", "steps": {"distill": {"from": {"techer": "t"}}}})
    assert not validator.is_valid({"name": "x", "steps": {"distill": {"with": {"epochs": "two"}}}})
    approve = {"from": {"release": "r"}, "with": {"reviewers": {"among": ["ada"], "not": "requester"}}}
    assert validator.is_valid({"name": "x", "steps": {"approve": approve}})
    approve["with"]["reviewers"]["not"] = "ada"
    assert not validator.is_valid({"name": "x", "steps": {"approve": approve}})
