"""docs/: what commands of the repo wrote is fresh, and what people wrote is about what is in it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

import judged
from slmworks import QualityReport, Report
from slmworks.contract.catalog import STAGES
from slmworks.engines.engine_file import EngineFile
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks.testing import Bench

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REPORTS = (DOCS / "reports.md").read_text(encoding="utf-8")


def test_the_conformance_tables_are_about_today_s_recipes() -> None:
    page = (DOCS / "conformance.md").read_text(encoding="utf-8")
    tables = dict(re.findall(r"<!-- begin: ([\w-]+) -->\n(.+?)<!-- end: \1 -->", page, re.DOTALL))
    assert "first-run" in tables
    for name, text in tables.items():
        rows = re.findall(r"^\| ([\w.=,-]+) \| (\w+) \| `", text, re.MULTILINE)
        planned = plan(Recipe.read(ROOT / f"pipelines/{name}.yaml"))
        made = [task for task in planned if not task.after_approval and not task.id.startswith("champion")]
        assert rows == [(task.id, task.stage) for task in made], name
        assert "differs" not in text, name


def test_the_reference_is_fresh() -> None:
    # A process of its own: click keeps a command's help option as its first call in a process made it.
    command = [sys.executable, DOCS / "reference.py", "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


# --- architecture.md ------------------------------------------------------------------------------------


def test_every_room_has_a_few_sentences() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rooms = dict(re.findall(r"^- \*\*`(\w+)/`\*\* (.*?)(?=^- |^$)", text, re.MULTILINE | re.DOTALL))
    core = ROOT / "components/slmworks"
    folders = {folder.name for folder in core.iterdir() if (folder / "__init__.py").exists()}
    assert rooms.keys() == folders - set(STAGES)
    assert [room for room, said in rooms.items() if len(re.findall(r"[.:;](?=\s)", said)) > 6] == []


# --- reports.md -----------------------------------------------------------------------------------------


def keys(heading: str) -> set[str]:
    """The keys in the first column of the tables below a heading of reports.md."""
    section = REPORTS.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    return {key.partition(".")[0] for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def test_the_example_of_a_report_is_read_by_the_typed_reader(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```json\n(.*?)^```$", REPORTS, re.MULTILINE | re.DOTALL)
    (tmp_path / "report.json").write_text(text)
    meta = {"type": "quality", "task": json.loads(text)["model_task"]}
    report = QualityReport(Report(path=tmp_path, meta=meta, refs={"model": "m"}))
    assert (report.name, report.format, report.measure.name) == ("inc-static", "onnx", "accuracy")
    assert report.value() == 0.789
    assert report.limits("validation") == {"ece": 0.031}
    assert set(report.measures()) == {"accuracy", "macro_f1"}


def test_the_keys_of_a_verdict_and_the_columns_of_predictions_are_those_that_are_written(
    bench: Bench,
) -> None:
    right = {split: judged.first(200, 180) for split in judged.SPLITS}
    baseline = judged.quality_report(bench, "t" * 64, right, trivial={"majority": right})
    report = judged.quality_report(bench, "s" * 64, right, baseline=baseline)
    verdict = PairedBootstrap().run(reports=[report], champion=None, task=bench.task("gate"))
    assert keys("verdict.json") == set(verdict.read())
    columns = {name.partition(".")[0] for name in pq.read_schema(baseline.path / "predictions.parquet").names}
    assert keys("predictions.parquet") == columns


# --- approval-log.md ------------------------------------------------------------------------------------


def test_the_bucket_s_policy_is_json_about_the_log_alone() -> None:
    text = (DOCS / "approval-log.md").read_text(encoding="utf-8")
    (policy,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    said = json.loads(policy)["Statement"]
    assert {one["Effect"] for one in said} == {"Deny"}
    assert {one["Resource"] for one in said} == {"arn:aws:s3:::BUCKET/PREFIX/registry/*"}


def test_the_engine_file_of_the_log_s_page_can_be_read() -> None:
    text = (DOCS / "approval-log.md").read_text(encoding="utf-8")
    engine, _ = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    found = EngineFile.parse(engine).settings
    assert found.stages["register"].secrets.keys() == found.secrets.keys()
    assert found.stages["deploy"].service_account == "deployer"
