"""Skeletons: what `slmworks plugins new` writes is a plugin that keeps the contract."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from slmworks.authoring import skeleton
from slmworks.cli.plugins import plugins
from slmworks.contract import catalog
from slmworks.contract.errors import BadRequest

ROOT = Path(__file__).parents[2]
NAMES = {stage: f"a-name-as-long-as-{stage}-{'x' * 20}"[: skeleton.LONGEST] for stage in catalog.STAGES}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A skeleton of every stage in `made/`, all installed in `site/`."""
    folder = tmp_path_factory.mktemp("skeletons")
    roots = [skeleton.write(name, stage, folder / "made") for stage, name in NAMES.items()]
    do(sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps",
       f"--target={folder / 'site'}", *map(str, roots))  # fmt: skip
    return folder / "site"


def do(*command: str, path: Path | None = None) -> str:
    env = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("stage", catalog.STAGES)
def test_it_keeps_the_contract(stage: str, site: Path) -> None:
    said = do(sys.executable, "-m", "slmworks", "plugins", "check", f"{stage}/{NAMES[stage]}", path=site)
    assert f"{stage} {NAMES[stage]} · slmworks-{NAMES[stage]} 0.1.0" in said
    assert "✗" not in said


def test_their_tests_pass(site: Path) -> None:
    tests = sorted((site.parent / "made").glob("*/tests"))
    said = do(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib",
              "-c", os.devnull, *map(str, tests), path=site)  # fmt: skip
    assert "passed" in said
    assert len(tests) == len(NAMES)


def test_the_linter_finds_nothing_to_mend(site: Path) -> None:
    made, ruff = site.parent / "made", str(Path(sys.executable).with_name("ruff"))
    do(ruff, "check", "--no-cache", str(made))
    do(ruff, "format", "--no-cache", "--check", str(made))
    ours = ("--config", str(ROOT / "pyproject.toml"), "--ignore", "I001")  # there slmworks is our own
    do(ruff, "check", "--no-cache", *ours, *map(str, made.glob("*/slmworks_*")))


@pytest.mark.parametrize(
    ("name", "stage", "said"),
    [
        ("Logit-KD", "distill", "take small letters and digits"),
        ("../x", "distill", "take small letters and digits"),
        ("a" * 31, "distill", "at most 30 characters"),
        ("dataset", "curate", "'Dataset' is a class of slmworks"),
        ("logit-kd", "distill", "slmworks-torch has a distill plugin 'logit-kd' already"),
        ("torch", "prune", "slmworks-torch is installed already"),
        ("mine", "destill", "no such stage 'destill'. Did you mean 'distill'?"),
    ],
)
def test_a_name_that_cannot_be_a_plugin_s_is_refused(
    name: str, stage: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match=said):
        skeleton.write(name, stage, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_comes_next_and_overwrites_nothing(tmp_path: Path) -> None:
    words = ["new", "mine", "--stage", "prune", "--to", str(tmp_path)]
    said = CliRunner().invoke(plugins, words, catch_exceptions=False).output
    assert "slmworks plugins check prune/mine" in said
    mine = tmp_path / "slmworks-mine/slmworks_mine/prune.py"
    assert str(mine) in said
    mine.write_text("# mine")
    with pytest.raises(BadRequest, match="exists already; take another name"):
        CliRunner().invoke(plugins, words, catch_exceptions=False)
    assert mine.read_text() == "# mine"
