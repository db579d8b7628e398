"""What a benchmark's report says, read and written in one place: tasks of others, and how a model did.

One form for every benchmark, a stranger's too: `tasks` hold `measures`, each a value, with `low`, `high` and
`n` where it is a mean over rows.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from slmworks.contract.artifact import Model, Report
from slmworks.contract.model_task import ModelTask
from slmworks.evaluate.about import about, model_name
from slmworks.evaluate.model_report import ModelReport
from slmworks.numbers import figures

TYPE = "benchmark"


class Asked(NamedTuple):
    """What a number of a benchmark is of; two are compared only where all of it is the same."""

    name: str
    """`TASK.METRIC`."""
    shots: int
    prompts: str
    """How a row is put to the model: `text`, `chat`; empty where a report doesn't say."""
    n: int | None
    probes: str
    """Digest of the task files; empty for a benchmark without."""

    @property
    def words(self) -> tuple[str, ...]:
        """What tells it from others of its name, the plainest first."""
        rows = "" if self.n is None else f"n = {self.n}"
        return (f"{self.shots} shots", *filter(None, (self.prompts, rows, self.probes[:6])))


@dataclass(frozen=True)
class Result:
    """One number of a benchmark's task."""

    value: float
    low: float | None = None
    """Ends of the 95 % interval; None where the number is no mean over rows."""
    high: float | None = None
    n: int | None = None
    """Rows."""
    higher_is_better: bool = True
    shots: int = 0
    """Examples that stood before each row."""
    prompts: str = ""
    """How each row was put to the model; empty where the report doesn't say."""
    probes: str = ""
    """Digest of the task files; empty for a benchmark without."""
    name: str = ""
    """`TASK.METRIC`."""

    @property
    def asked(self) -> Asked:
        """What it is of."""
        return Asked(self.name, self.shots, self.prompts, self.n, self.probes)

    @property
    def least(self) -> float:
        """The end of the interval that speaks against the model; the value itself where there is none."""
        end = self.low if self.higher_is_better else self.high
        return self.value if end is None else end

    @property
    def written(self) -> str:
        """The value with its interval: 0.748 (0.736–0.760)."""
        if self.low is None or self.high is None:
            return figures.score(self.value)
        return figures.interval({"value": self.value, "low": self.low, "high": self.high})


@dataclass(frozen=True)
class BenchmarkReport(ModelReport):
    """A report of type `benchmark`."""

    @property
    def results(self) -> Mapping[str, Result]:
        """`TASK.METRIC` -> its number."""
        prompts, probes = str(self.content.get("prompts", "")), self.report.refs.get("probes", "")
        return {
            f"{task}.{metric}": Result(
                float(one["value"]),
                one.get("low"),
                one.get("high"),
                one.get("n"),
                bool(one.get("higher_is_better", True)),
                int(said["shots"]),
                prompts,
                probes,
                f"{task}.{metric}",
            )
            for task, said in self.content["tasks"].items()
            for metric, one in said["measures"].items()
        }


def is_benchmark(report: Report) -> bool:
    """True for a report of type `benchmark`."""
    return report.meta.get("type") == TYPE


def results_of(reports: Sequence[Report], model: str) -> dict[str, Result]:
    """Title -> number, of all benchmarks of a model; with the report's digest where two asked the same."""
    mine = {
        report.digest: BenchmarkReport(report).results.values()
        for report in reports
        if is_benchmark(report) and report.refs.get("model") == model
    }
    found = [(digest, one) for digest, results in mine.items() for one in results]
    times = Counter(one.asked for _, one in found)
    called = titles(times)
    return {
        called[one.asked] + (f" [{digest[:6]}]" if times[one.asked] > 1 else ""): one for digest, one in found
    }


def titles(asked: Collection[Asked]) -> dict[Asked, str]:
    """What each is called: `TASK.METRIC`, and of its words as many as it takes to tell it from the others."""

    def title(one: Asked) -> str:
        others = [other for other in asked if other.name == one.name and other != one]
        if not others:
            return one.name
        counts = range(1, len(one.words))
        few = (k for k in counts if all(other.words[:k] != one.words[:k] for other in others))
        return f"{one.name} ({', '.join(one.words[: next(few, None)])})"

    return {one: title(one) for one in asked}


def write(
    folder: Path, *, purpose: ModelTask, model: Model, tasks: Mapping[str, Any], said: Mapping[str, Any],
    refs: Mapping[str, str],
) -> Report:  # fmt: skip
    """Write `report.json`; `said` is what a benchmark says of itself, `refs` are those beside the model."""
    report = {
        "type": TYPE,
        "model_task": purpose.name,
        "name": model_name(model),
        "model": about(model),
        **said,
        "tasks": dict(tasks),
    }
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    summary = {
        f"{name}_{key}": round(one["value"], 4)
        for name, task in tasks.items()
        for key, one in task["measures"].items()
    }
    meta = {"type": TYPE, "task": purpose.in_headers}
    return Report(path=folder, meta=meta, refs={"model": model.digest, **refs}, summary=summary)
