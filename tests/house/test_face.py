"""`import slmworks`: the names that others rely on, resolved when they are used."""

import ast
import inspect
import subprocess
import sys

import pytest

import slmworks
from slmworks.contract import catalog
from slmworks.contract.artifact import KINDS


@pytest.mark.parametrize("name", slmworks.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(slmworks, name) is not None
    assert name in dir(slmworks)


def test_every_stage_and_every_artifact_is_among_them() -> None:
    stages = {catalog.stage_class(stage).__name__ for stage in catalog.STAGES}
    assert stages | set(KINDS) <= set(slmworks.__all__)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(inspect.getsource(slmworks))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.asname: f"{node.module}.{alias.name}" for node in block.body for alias in node.names}
    assert seen == {name: f"slmworks.{home}.{name}" for name, home in slmworks._HOME.items()}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Distil'"):
        slmworks.Distil  # noqa: B018
    with pytest.raises(ImportError):
        exec("from slmworks import Distil")


@pytest.mark.parametrize(
    ("statement", "left_out"),
    [
        ("import slmworks", {"pydantic", "slmworks.contract"}),
        ("from slmworks import BadRequest", {"pydantic", "slmworks.contract.artifact"}),
        ("from slmworks import Distill, Model, Dataset, Task",
         {"numpy", "click", "fsspec", "slmworks.store", "slmworks.registry", "slmworks.execution", "slmworks.recipe"}),
    ],
)  # fmt: skip
def test_importing_it_imports_no_more_than_is_asked_for(statement: str, left_out: set[str]) -> None:
    code = f"import sys\n{statement}\nprint(*{left_out!r} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not ended.stdout.split()
