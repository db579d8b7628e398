"""docs/your-own-data.md, followed to the letter at toy size: its commands, and the step that it shows."""

import csv
import random
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from slmworks.cli.main import cli
from slmworks.contract.artifact import Model
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks_text.start.recipe_text import Facts, recipe_text

TEXT = (Path(__file__).parents[2] / "docs/your-own-data.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ slmworks (.*)$", TEXT, re.MULTILINE)
SHORTER = {
    "init": "--teacher {teacher}",
    "run": "--tracking none",
    "run questions/recipe.yaml": "--set speed.seconds=1 --set gate.speedup=0.1 --set gate.retention=0.5",
}
"""What is added to a command, by how it begins: a teacher of 4 layers in place of 90 MB from a package index."""


@pytest.fixture
def questions(tmp_path: Path, monkeypatch) -> Path:
    """A file as in the text: semicolons, Windows' encoding, no header line, a running number."""
    chance = random.Random(0)
    words = [
        f"{first}{last}"
        for first in ("be", "ta", "lo", "mi", "ru")
        for last in ("n", "ra", "sto", "ki", "pel")
    ]
    heads = {"card": "Where is my card? I’m waiting;", "refund": "I want my money back for"}
    rows = [
        (number, label, " ".join([heads[label], *chance.choices(words, k=6)]))
        for number, label in enumerate(["card", "refund"] * 120)
    ]
    with (tmp_path / "questions.csv").open("w", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def follow(command: str, teacher: Model) -> str:
    """Type a command of the page; gives what it prints."""
    more = [
        words for start, words in SHORTER.items() if command == start or command.partition(" ")[0] == start
    ]
    words = [*shlex.split(command), *shlex.split(" ".join(more).format(teacher=teacher.path))]
    done = CliRunner().invoke(cli, words, catch_exceptions=False, standalone_mode=False)
    assert done.return_value in (0, None), done.output
    return done.output


def is_long(command: str) -> bool:
    return command.startswith(("approve", "serve")) or (
        command.startswith("run") and "--until" not in command
    )


def test_its_quick_commands_do_what_it_says(questions: Path, tiny_encoder: Model) -> None:
    said = {command: follow(command, tiny_encoder) for command in COMMANDS if not is_long(command)}
    assert len(said) > 6
    assert "no header line" in said["init questions --train questions.csv"]
    assert sorted(path.name for path in (questions / "questions").iterdir()) == [
        ".gitignore", "recipe.schema.json", "recipe.yaml",
    ]  # fmt: skip
    assert "rows 240 in" in said["data questions.csv"]
    assert "more than rows" in said["run questions/recipe.yaml --until curate --set curate.rows=200"]


def test_its_step_over_seeds_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n")
    text = recipe_text(Facts("q", {"train": "./a.csv"}, {"text": "text"}, train=620, test=181, max_length=56))
    (step,) = re.findall(r"^```yaml\n(  student:.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    swept = re.sub(r"^  student:\n(?:    .*\n)+", step, text, flags=re.MULTILINE)
    before, after = (plan(Recipe.parse(one, folder=tmp_path)) for one in (text, swept))
    seeds = [task for task in after if task.step == "student"]
    assert [task.seed for task in seeds] == [0, 1, 2]
    assert seeds[0].options == before.tasks["student"].options


@pytest.mark.slow
def test_its_four_commands_lead_to_an_answer(questions: Path, tiny_encoder: Model) -> None:
    first = COMMANDS[:4]
    assert [command.split()[0] for command in first] == ["init", "run", "approve", "serve"]
    said = [follow(command, tiny_encoder) for command in first]
    assert "questions v1 is candidate" in said[1]
    assert "→" in said[3]
    recipe = questions / "questions/recipe.yaml"
    student = "from: {teacher: teacher, data: curate}\n"
    recipe.write_text(
        recipe.read_text().replace(student, f"{student}    sweep: [{{seed: 0}}, {{seed: 1}}]\n")
    )
    again = follow(COMMANDS[1], tiny_encoder)
    assert "seeds  evaluate onnx-dynamic, 2 seeds (student 0, 1): accuracy" in again
