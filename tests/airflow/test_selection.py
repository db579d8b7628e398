"""A selection on Airflow: what was stopped ends well, with nothing, and all digests are the local engine's."""

from pathlib import Path

import pytest
from toy_line import Works, show_toys

from slmworks.execution.records import run_ids, task_records
from slmworks.store import open_store

RECIPE = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv, validation: validation.csv, test: test.csv}}
  curate: {uses: toy, from: {data: raw}}
  quantize: {uses: toy, from: {model: ./base, calibration: curate}, sweep: [{with: {bits: 4}}, {with: {bits: 8}}]}
  evaluate: {uses: toy, from: {model: quantize, data: curate}}
  first: {stage: select, uses: toy, from: {reports: evaluate}}
  again: {stage: quantize, uses: toy-onnx, from: {model: quantize}, when: first}
  measure: {stage: evaluate, uses: toy, from: {model: again, data: curate}}
  last: {stage: gate, uses: toy, from: {reports: measure}}
"""


@pytest.mark.slow
def test_what_was_stopped_ends_well_with_nothing(new_home, tmp_path: Path, monkeypatch) -> None:
    show_toys(monkeypatch)
    (tmp_path / "works").mkdir()
    works = Works(tmp_path / "works")
    works.recipe = RECIPE
    home = new_home(tmp_path / "home", f"store: {tmp_path}/store\nairflow: {{python: PYTHON}}\n")
    home.dag("toy", f'from slmworks.engines.airflow import render\ndag = render("{works.write()}")\n')
    ended = home.drive(dag="toy")
    assert ended.said["state"] == "success", ended.log[-4000:]
    assert set(ended.tasks.values()) == {"success"}
    store = open_store(str(tmp_path / "store"))
    (run,) = run_ids(store)
    records = {one.task: one for one in task_records(store, run)}
    assert {task for task, one in records.items() if one.state == "absent"} == {
        "again.bits=8",
        "measure.bits=8",
    }
    assert records["measure.bits=8"].error == "left out: number 2"
    local = works.run()
    made = {task: one.manifest.digest for task, one in records.items() if one.manifest}
    assert made == {task: digest for task, digest in works.digests(local).items() if digest}
