"""Makefile and hooks: every target says what it does, and every hook runs a command that there is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_help_lists_every_target() -> None:
    said = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    listed = {line.split()[0] for line in said.splitlines()}
    (declared,) = re.findall(r"^\.PHONY: (help (?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert listed == set(declared.replace("\\", " ").split())


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_programs_of_every_target_lie_in_an_environment() -> None:
    (declared,) = re.findall(r"^\.PHONY: (help (?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    for target in declared.replace("\\", " ").split():
        said = subprocess.run(
            ["make", "--dry-run", "--always-make", target],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        places = set(re.findall(r"(\S*\.venv[\w-]*/\S*?/)(?:python|slmworks|ruff|mypy)\b", said))
        assert places <= {f".venv{kind}/bin/" for kind in ("", "-airflow", "-docs", "-tools")}, target


def test_quick_tests_exist() -> None:
    (quick,) = re.findall(r"^QUICK := ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    paths = quick.replace("\\", " ").split()
    assert paths
    assert [path for path in paths if not (ROOT / path.removeprefix("--ignore=")).exists()] == []


def test_hooks_run_what_is_in_the_repository() -> None:
    said = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in said["repos"]] == ["local"]
    for hook in said["repos"][0]["hooks"]:
        program, *words = hook["entry"].split()
        assert program.startswith(".venv/bin/"), hook["id"]
        named = [word for word in words if "/" in word]
        assert [path for path in named if not (ROOT / path).exists()] == [], hook["id"]
