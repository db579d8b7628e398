"""How a process that Airflow started ends, whatever it does. Run by Airflow's interpreter."""

import pytest

CODE = """\
import json
from pathlib import Path
from types import SimpleNamespace
from slmworks.engines.airflow.jobs import Command
from slmworks.engines.airflow.operators import ProcessOperator
command = Command(["task"], "--spec", "x" * 300_000, Path("SCRIPT"), {"MINE": "1"}, "runs/r/t.json")
try:
    said = ["", ProcessOperator(task_id="t", job=SimpleNamespace(command=lambda context: command)).execute({})]
except Exception as error:
    said = [type(error).__name__, str(error)]
print(json.dumps(said))
"""


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("cat > /dev/null; echo fine", ["", "runs/r/t.json"]),
        ("cat > /dev/null; env | grep -c '^[^=]*AIRFLOW' && exit 1; test $MINE = 1", ["", "runs/r/t.json"]),
        ("cat > /dev/null; echo 'slmworks: steps.a: bad' >&2; exit 2", ["FailedForGood", "steps.a: bad"]),
        ("cat > /dev/null; exit 99", [
            "AirflowSkipException", "refused by the gate, which is a normal end: what follows is left out",
        ]),
        ("cat > /dev/null; echo 'dag.r: failed'; exit 3", [
            "FailedForGood", "the run failed, since one of its tasks did; that task's log says why",
        ]),
        ("echo 'no module named slmworks' >&2; exit 1", ["Failed", "no module named slmworks"]),  # deaf
        ("sleep 600 & kill -9 $$", [  # and what it leaves behind holds its output open
            "Failed", "was killed (signal 9: by hand, or for want of memory)",
        ]),
        ("cat > /dev/null; printf 'caf\\351\\n'; exit 1", ["Failed", "caf\N{REPLACEMENT CHARACTER}"]),
    ],
)  # fmt: skip
def test_an_end_is_a_state_of_airflow_s_and_a_line(new_home, tmp_path, script, said) -> None:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    home = new_home(tmp_path / "home", "store: store\n")
    assert home.says(CODE.replace("SCRIPT", str(path))) == said
