"""Every shipped recipe, compiled with the shipped engine file, is what it was when somebody last looked.

`GOLDEN=write make test PYTEST_ARGS=tests/engines/test_golden.py` writes the files anew. What only a machine reads
is written out in them, and digests of code are left out: they change with every edit of a plugin.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import libyaml
import pytest

from slmworks.engines.engine_file import EngineFile
from slmworks.engines.kubeflow.pipeline import compile_plan
from slmworks.execution.encoded import unpack
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

ROOT = Path(__file__).parent.parent.parent
GOLDEN = Path(__file__).parent / "golden"
LONG = ("choose-classifier", "compression-search")
"""What compiles to thousands of lines, all of them of kinds that the others have."""
CODE = re.compile(r'"code": "[0-9a-f]+"')
"""The digest of a plugin's code, in a spec that goes as text."""
RECIPES = sorted(path for path in ROOT.glob("pipelines/*.yaml") if path.stem not in LONG)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_compiles_to_what_it_did(recipe: Path, tmp_path: Path) -> None:
    shutil.copy(recipe, tmp_path)
    shutil.copytree(ROOT / "pipelines" / "examples", tmp_path / "examples")
    (tmp_path / "data").mkdir()
    for split in ("train", "test"):
        (tmp_path / f"data/{split}.csv").write_text("text,label\nhello,greeting\n")
    planned = plan(Recipe.read(tmp_path / recipe.name))
    engine = EngineFile.read(ROOT / "pipelines/engines/kubeflow.yaml")
    compiled = compile_plan(planned, engine, "s3://slmworks/store", planned.pinned(None))
    for text, name in ((compiled.first, recipe.stem), (compiled.second, f"{recipe.stem}.after-approval")):
        readable = "---\n".join(
            libyaml.dump(_readable(document), sort_keys=True, allow_unicode=True, width=110)
            for document in libyaml.load_all(text)
        )
        golden = GOLDEN / f"{name}.yaml"
        if os.environ.get("GOLDEN") == "write":
            golden.write_text(readable, encoding="utf-8")
        assert golden.read_text(encoding="utf-8") == readable, (
            f"look at the difference, then GOLDEN=write: {golden.name}"
        )


def test_no_golden_file_is_left_over() -> None:
    wanted = {f"{path.stem}{end}.yaml" for path in RECIPES for end in ("", ".after-approval")}
    assert {path.name for path in GOLDEN.glob("*.yaml")} == wanted


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return CODE.sub('"code": "<code>"', value)
    if isinstance(value, list):
        return [_readable(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: _readable(one) for key, one in value.items()}
    for name, hidden in (("code", "<code>"), ("brought", "<identity>")):
        if isinstance(found.get(name), str):
            found[name] = hidden
    if "what" in found and "runtimeValue" in found["what"]:
        told = unpack(found["what"]["runtimeValue"]["constant"])
        found["what"] = {
            "tasks": [one["id"] for one in told["plan"]],
        }
        assert told["text"]
    return found
