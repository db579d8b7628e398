"""Each rule finds its breach and says how to mend it."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from pydantic import ConfigDict, Field

from slmworks import Dataset, Distill, Gate, Model, Quantize, Report, Stage, Task, Verdict
from slmworks.authoring import conformance
from slmworks.contract.catalog import Plugin


@dataclass(frozen=True)
class Loaded(Plugin):
    """A plugin whose class is at hand."""

    cls: type[Stage]

    def load(self) -> type[Stage]:
        return self.cls


def breaches(cls: type[Stage], stage: str, rule: conformance.Rule) -> str:
    plugin = Loaded(stage, "mine", EntryPoint("mine", "mine:Mine", f"slmworks.{stage}"), cls)
    return "\n".join(conformance.result(rule, plugin).breaches)


class Sound(Gate):
    """A sound one."""

    minimum: Annotated[float, Field(gt=0)] = 0.5
    """The least."""

    def run(
        self,
        *,
        reports: Sequence[Report],
        champion: Report | None,
        references: Sequence[Report] | None,
        task: Task,
    ) -> Verdict:
        raise NotImplementedError


class Silent(Sound):
    level: int = 1


class Endless(Sound):
    """Does this and that"""


class Hiding(Sound):
    """Has an option that pydantic needs for itself."""

    copy: bool = True
    """Copy."""


class Thawed(Sound):
    """Can be changed."""

    model_config = ConfigDict(frozen=False)


class Impossible(Sound):
    """Has a default that its own limits refuse."""

    minimum: Annotated[float, Field(gt=0)] = -1.0
    """The least."""


class Untyped(Sound):
    """Does not say what it makes."""

    def run(
        self,
        *,
        reports: Sequence[Report],
        champion: Report | None,
        references: Sequence[Report] | None,
        task: Task,
    ):
        raise NotImplementedError


class Mistyped(Sound):
    """Makes something else."""

    def run(
        self,
        *,
        reports: Sequence[Report],
        champion: Report | None,
        references: Sequence[Report] | None,
        task: Task,
    ) -> Report:
        raise NotImplementedError


class Peeping(Distill):
    """Sees every split."""

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        raise NotImplementedError


class Confused(Quantize):
    """Names ports and model tasks that do not fit."""

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("train",), "calibration": ("train",)}
    needs: ClassVar = frozenset({"model"})
    model_tasks: ClassVar = ("classification", "text-classificaton")

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("cls", "rule", "said"),
    [
        (Silent, conformance.described, "has no docstring; write a sentence"),
        (Endless, conformance.described, "with a full stop"),
        (Silent, conformance.documented, "option 'level' has none; write a string below the field"),
        (Hiding, conformance.named, "option 'copy' hides one; give it another name"),
        (Thawed, conformance.strict, "leave frozen=True"),
        (Impossible, conformance.strict, "a default is refused (minimum"),
        (Untyped, conformance.typed, "it is missing; write  def run(self, …) -> Verdict"),
        (Mistyped, conformance.typed, "it is Report; write  def run(self, …) -> Verdict"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_broken_rule_is_named_with_the_way_out(cls: type[Stage], rule: conformance.Rule, said: str) -> None:
    assert said in breaches(cls, "gate", rule)
    assert breaches(Sound, "gate", rule) == ""


def test_a_trainer_must_say_that_it_does_not_read_the_test_split() -> None:
    said = breaches(Peeping, "distill", conformance.blind)
    assert said == (
        'port \'data\' is given the split test; write  reads: ClassVar = {"data": ("train", "validation")}'
    )


def test_traits_that_do_not_fit_are_found() -> None:
    said = breaches(Confused, "quantize", conformance.real)
    assert "reads: port 'model' takes no Dataset" in said
    assert "needs: port 'model' is not optional" in said
    assert "'classification' is how artifacts' headers call it; write 'text-classification'" in said
    assert "Did you mean 'text-classification'?" in said


# --- the command, for a stranger's distribution ---------------------------------------------------------


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A distribution with one plugin that imports numpy at module level, on a path of its own."""
    (tmp_path / "stranger.py").write_text(
        "import numpy\n"
        "from slmworks import Export, Model, Task\n\n\n"
        "class Same(Export):\n"
        '    """Hand on the model."""\n\n'
        "    def run(self, *, model: Model, task: Task) -> Model:\n"
        '        """Nothing to do."""\n'
        "        return model\n"
    )
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[slmworks.export]\nsame = stranger:Same\nlost = nowhere:Lost\n")
    return tmp_path


def slmworks(path: Path, *words: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "slmworks", *words],
        env={**os.environ, "PYTHONPATH": str(path)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


def test_the_command_says_what_is_broken_and_ends_with_1(stranger: Path) -> None:
    code, said = slmworks(stranger, "plugins", "check", "export/same")
    assert code == 1
    assert said.startswith("export same · stranger 1.0\n✓ ")
    assert "✗ Loading it imports no heavy library: loading the plugins of stranger imports numpy" in said
    assert said.count("✗") == 1


def test_a_plugin_that_cannot_be_loaded_is_checked_no_further(stranger: Path) -> None:
    code, said = slmworks(stranger, "plugins", "check", "lost")
    assert code == 1
    assert "No module named 'nowhere'" in said
    assert "✓" not in said


def test_an_unknown_plugin_ends_with_2_and_the_nearest(tmp_path: Path) -> None:
    code, said = slmworks(tmp_path, "plugins", "check", "distill/logitkd")
    assert code == 2
    assert said == "slmworks: no such plugin 'distill/logitkd'. Did you mean 'logit-kd'?\n"
    assert slmworks(tmp_path, "plugins", "check", "destill/logit-kd")[1].startswith(
        "slmworks: no such stage 'destill'"
    )
