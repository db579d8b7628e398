"""One side of a comparison: a run, or a registered version, with the reports on its model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Artifact, Report, Verdict
from slmworks.evaluate.benchmark_report import Result, results_of
from slmworks.evaluate.quality_report import QualityReport, is_quality, of_model
from slmworks.execution.origins import Origins
from slmworks.execution.records import RunRecord, TaskRecord, run_record, task_records
from slmworks.execution.run_names import full_name, short_name
from slmworks.lineage.stopped import Stopped, stopped_in
from slmworks.packet.gather import reports_of
from slmworks.registry.log import Registry
from slmworks.registry.version_names import VersionName
from slmworks.store.contract import folder_or_none

if TYPE_CHECKING:
    from slmworks.store import Store


@dataclass(frozen=True)
class Side:
    """A run or a version, its model's quality, and what else is known of it."""

    label: str
    """As people call it: `reviews v3`, or the short name of a run."""
    record: RunRecord | None
    """The run that came to it; None where its record is gone."""
    tasks: Mapping[str, TaskRecord] = field(default_factory=dict)
    """Task -> its record in that run."""
    quality: QualityReport | None = None
    """The report on its model; None for a run that evaluated none."""
    row: Mapping[str, Any] = field(default_factory=dict)
    """The model's row in the verdict: costs, share kept; empty without a gate."""
    benchmarks: Mapping[str, Result] = field(default_factory=dict)
    """Title (`TASK.METRIC`) -> how its model did."""
    stopped: Sequence[Stopped] = ()
    """The candidates that its selections stopped."""

    @property
    def kept(self) -> Mapping[str, float] | None:
        """The share of the teacher's quality that is kept: `value`, `low`, `high`."""
        return self.row.get("kept") or self._against().get("retention")

    def _against(self) -> Mapping[str, Any]:
        return dict(self.quality.split("test").get("against", {})) if self.quality else {}

    def cost(self, name: str) -> float | None:
        """`p50_ms`, `rows_s` or `joules`, as it was measured for the gate."""
        found = self.row.get(name)
        return None if found is None else float(found)


def find(store: "Store", words: str) -> Side:
    """The run or the version that `words` name; BadRequest for none.

    `reviews@3`, `reviews@champion` (candidate, previous), or a run's name, its beginning or its short name.
    """
    named = VersionName.read(words)
    if named is None or not (named.number or named.which):
        return _of_run(store, full_name(store, words))
    return of_version(store, named.name, named.version(Registry(store).state(named.name)).number)


def of_version(store: "Store", name: str, number: int) -> Side:
    """A registered version, decided or not."""
    entry = Registry(store).state(name).version(number).registered
    folder = folder_or_none(store, entry.verdict)
    first = Origins(store).of([entry.verdict]).get(entry.verdict)
    record = run_record(store, first.run) if first and first.run else None
    tasks = _tasks(store, record.run) if record else {}
    return _side(store, f"{name} v{number}", record, tasks, entry.verdict if folder else "")


def _of_run(store: "Store", run: str) -> Side:
    tasks = _tasks(store, run)
    verdicts = [
        manifest.digest
        for task in tasks.values()
        if (manifest := task.manifest) and manifest.kind == Verdict.__name__ and manifest.digest
    ]
    return _side(store, short_name(run), run_record(store, run), tasks, verdicts[-1] if verdicts else "")


def _tasks(store: "Store", run: str) -> dict[str, TaskRecord]:
    return {one.task: one for one in task_records(store, run)}


def _side(
    store: "Store", label: str, record: RunRecord | None, tasks: Mapping[str, TaskRecord], verdict: str
) -> Side:
    stopped = list(stopped_in(store, list(tasks.values())))
    if not verdict:
        alone = _evaluated(store, record, tasks)
        made = results_of(_reports(store, tasks.values()), alone.model) if alone else {}
        return Side(label, record, tasks, alone, benchmarks=made, stopped=stopped)
    found = Verdict.open(store.folder(verdict), digest=verdict)
    content: Mapping[str, Any] = found.read() if isinstance(found, Verdict) else {}
    row: Mapping[str, Any] = next((one for one in content.get("rows", []) if one.get("chosen")), {})
    reports = reports_of(store, found) if isinstance(found, Verdict) else []
    quality = of_model(reports, str(row.get("model", "")))
    quality = quality or _evaluated(store, record, tasks)
    made = results_of([*reports, *_reports(store, tasks.values())], quality.model) if quality else {}
    return Side(label, record, tasks, quality, row, made, stopped)


def _evaluated(
    store: "Store", record: RunRecord | None, tasks: Mapping[str, TaskRecord]
) -> QualityReport | None:
    """Without a gate: the last model of the plan that was evaluated, one with a baseline first."""
    order = [str(task["id"]) for task in record.plan] if record else []
    found = list(_quality_reports(store, [tasks[one] for one in order if one in tasks]))
    compared = [one for one in found if "baseline" in one.report.refs]
    return next(reversed(compared or found), None)


def _quality_reports(store: "Store", tasks: Sequence[TaskRecord]) -> list[QualityReport]:
    return [QualityReport(report) for report in _reports(store, tasks) if is_quality(report)]


def _reports(store: "Store", tasks: Iterable[TaskRecord]) -> list[Report]:
    found = []
    for task in tasks:
        manifest = task.manifest
        folder = (
            folder_or_none(store, manifest.digest) if manifest and manifest.kind == Report.__name__ else None
        )
        if manifest is None or folder is None:
            continue
        report = Artifact.open(folder, digest=manifest.digest)
        if isinstance(report, Report):
            found.append(report)
    return found
