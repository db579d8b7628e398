"""The tutorial's row operator, of which slmworks knows nothing: listed, shown, checked, counted."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs/curation.md").read_text()
MODULE, PROJECT = (
    re.search(rf"^```{language}\n({re.escape(begins)}.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1]  # type: ignore[index]
    for language, begins in (("python", '"""slmworks_shout.py"""'), ("toml", "[build-system]"))
)
"""The two files of the tutorial."""
RECIPE = """\
name: calls
steps:
  raw: {stage: fetch, from: {all: rows.jsonl}}
  curate:
    from: {data: raw}
    with:
      operators:
        - normalise
        - shout: {share: 0.8}
"""


def test_a_stranger_is_listed_shown_checked_and_counted(tmp_path: Path) -> None:
    project = tomllib.loads(PROJECT)["project"]
    (module,) = tomllib.loads(PROJECT)["tool"]["setuptools"]["py-modules"]
    info = tmp_path / f"site/slmworks_shout-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (tmp_path / f"site/{module}.py").write_text(MODULE)
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(about)
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in found.items())
        for group, found in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))
    rows = [{"text": f"call number {i} about it", "label": "ab"[i % 2]} for i in range(30)]
    rows += [{"text": f"CALL ME NOW {i}", "label": "a"} for i in range(4)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "calls.yaml").write_text(RECIPE)

    def slmworks(*words: str) -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            "PYTHONPATH": str(tmp_path / "site"),
            "SLMWORKS_TRACKING": "none",
            "NO_COLOR": "1",
        }
        return subprocess.run(
            [sys.executable, "-m", "slmworks", *words],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    (line,) = (line for line in slmworks("plugins").stdout.splitlines() if " shout " in line)
    assert "slmworks-shout 1.0" in line
    shown = slmworks("plugins", "show", "shout").stdout
    assert "operator shout · slmworks-shout 1.0" in shown
    assert "Share of the letters from which a text is shouted." in shown
    checked = slmworks("plugins", "check", "operator/shout")
    assert checked.returncode == 0
    assert "✓ A row's result depends on the row alone" in checked.stdout
    schema = json.loads(slmworks("schema").stdout)
    listed = schema["$defs"]["operator"]["anyOf"][0]["properties"]
    assert "share" in listed["shout"]["properties"]

    card = json.loads(slmworks("data", "calls.yaml", "--json").stdout)["curate"]
    assert card["dropped"]["shout: shouted"] == 4
    assert (
        "dropped: shouted (100% in capitals)"
        in slmworks("curate", "calls.yaml", "--explain", "all:32").stdout
    )
    assert "2 tasks, 2 cached" in slmworks("plan", "calls.yaml").stdout

    (tmp_path / "site/slmworks_shout.py").write_text(MODULE.replace(">= self.share", "> self.share"))
    assert "2 tasks, 1 cached" in slmworks("plan", "calls.yaml").stdout, "its code is part of the identity"

    counts = MODULE.replace("letters = [", "Shout.seen = getattr(Shout, 'seen', 0) + 1\n        letters = [")
    (tmp_path / "site/slmworks_shout.py").write_text(counts.replace(">= self.share", ">= Shout.seen / 9"))
    checked = slmworks("plugins", "check", "shout")
    assert checked.returncode == 1
    assert (
        "✗ A row's result depends on the row alone, and it can be sent to another process: " in checked.stdout
    )

    (tmp_path / "calls.yaml").write_text(RECIPE.replace("share: 0.8", "shar: 0.8"))
    ended = slmworks("check", "calls.yaml")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "slmworks: calls.yaml:9 steps.curate.with.operators.1.shout.shar: no such option of shout. "
        "Did you mean 'share'?\n"
    )
