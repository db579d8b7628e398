"""docs/: what commands of the repo wrote is about what is in it."""

import re
from pathlib import Path

from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

ROOT = Path(__file__).parents[2]


def test_the_conformance_table_is_about_today_s_first_recipe() -> None:
    text = (ROOT / "docs/conformance.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w.=,-]+) \| (\w+) \| `", text, re.MULTILINE)
    planned = plan(Recipe.read(ROOT / "pipelines/first-run.yaml"))
    made = [task for task in planned if not task.after_approval and not task.id.startswith("champion")]
    assert rows == [(task.id, task.stage) for task in made]
    assert "differs" not in text


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
