"""A row operator from a distribution that slmworks knows nothing of: listed, shown, checked, counted."""

import json
import os
import subprocess
import sys
from pathlib import Path

MODULE = '''
"""A stranger's operator."""

from slmworks.curate.operator import Dropped, Kept, RowOperator, TextRow


class Shout(RowOperator):
    """Drop rows that are mostly in capitals, or write them small."""

    share: float = 0.5
    """Share of the letters from which a text is shouted."""
    calm: bool = False
    """Write them small instead."""

    def apply(self, row: TextRow) -> Dropped | Kept | None:
        letters = [sign for sign in row.text if sign.isalpha()]
        share = sum(map(str.isupper, letters)) / max(1, len(letters))
        if share < self.share:
            return None
        if self.calm:
            return Kept(texts=tuple(text.lower() for text in row.texts), change="calmed")
        return Dropped("shouted", f"{share:.0%} in capitals")
'''
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
    info = tmp_path / "site/slmworks_shout-2.1.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "site/slmworks_shout.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slmworks-shout\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text("[slmworks.curate_operator]\nshout = slmworks_shout:Shout\n")
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
    assert "slmworks-shout 2.1" in line
    shown = slmworks("plugins", "show", "shout").stdout
    assert "operator shout · slmworks-shout 2.1" in shown
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

    (tmp_path / "site/slmworks_shout.py").write_text(MODULE.replace("< self.share", "<= self.share"))
    assert "2 tasks, 1 cached" in slmworks("plan", "calls.yaml").stdout, "its code is part of the identity"

    counts = MODULE.replace("letters = [", "Shout.seen = getattr(Shout, 'seen', 0) + 1\n        letters = [")
    (tmp_path / "site/slmworks_shout.py").write_text(counts.replace("< self.share", "< Shout.seen / 9"))
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
