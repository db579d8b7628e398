"""What a benchmark's report says, read and written in one place: tasks of others, and how a model did.

One form for every benchmark, a stranger's too: `tasks` hold `measures`, each a value, with `low`, `high` and
`n` where it is a mean over rows.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Model, Report
from slmworks.contract.model_task import ModelTask
from slmworks.evaluate.about import about, model_name
from slmworks.evaluate.model_report import ModelReport
from slmworks.numbers import figures

TYPE = "benchmark"


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
    name: str = ""
    """`TASK.METRIC`."""
    prompts: str = ""
    """The form in which rows were asked; empty where the benchmark doesn't say."""
    probes: str = ""
    """Digest of the files that the task is in; empty where there are none."""

    @property
    def conditions(self) -> tuple[str, int, str, str, int | None]:
        """What must be equal where two models' numbers stand side by side."""
        return self.name, self.shots, self.prompts, self.probes, self.n

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
        return {
            f"{task}.{metric}": Result(
                float(one["value"]),
                one.get("low"),
                one.get("high"),
                one.get("n"),
                bool(one.get("higher_is_better", True)),
                int(said["shots"]),
                f"{task}.{metric}",
                str(self.content.get("prompts", "")),
                self.report.refs.get("probes", ""),
            )
            for task, said in self.content["tasks"].items()
            for metric, one in said["measures"].items()
        }


def is_benchmark(report: Report) -> bool:
    """True for a report of type `benchmark`."""
    return report.meta.get("type") == TYPE


def results_of(reports: Sequence[Report], model: str) -> dict[str, Result]:
    """`TASK.METRIC` -> number, of all benchmarks of a model; with its shots where several reports have it."""
    mine = {
        report.digest: BenchmarkReport(report).results
        for report in reports
        if is_benchmark(report) and report.refs.get("model") == model
    }
    named = [(digest, name, one) for digest, results in mine.items() for name, one in results.items()]
    names = Counter(name for _, name, _ in named)
    with_shots = Counter((name, one.shots) for _, name, one in named)

    def called(digest: str, name: str, one: Result) -> str:
        if names[name] == 1:
            return name
        return f"{name} ({one.shots} shots{f', {digest[:6]}' if with_shots[name, one.shots] > 1 else ''})"

    return {called(*each): each[2] for each in named}


def beside(sides: Sequence[Mapping[str, Result]]) -> list[tuple[str, list[Result | None]]]:
    """Lines of a table: what is in it, and each side's number; one line for each way of asking.

    Lines of the same task and metric say what they differ in.
    """
    lines: dict[tuple[object, int], list[Result | None]] = {}
    for place, results in enumerate(sides):
        asked = Counter[object]()
        for one in results.values():
            line = lines.setdefault((one.conditions, asked[one.conditions]), [None] * len(sides))
            line[place] = one
            asked[one.conditions] += 1
    firsts = [next(filter(None, line)) for line in lines.values()]
    return [(_title(one, firsts), line) for one, line in zip(firsts, lines.values(), strict=True)]


def _title(one: Result, others: Sequence[Result]) -> str:
    """The name, with what tells it from others of the same."""
    same = [other for other in others if other.name == one.name]
    said = {
        "shots": f"{one.shots} shots",
        "prompts": f"prompts {one.prompts or figures.NOTHING}",
        "n": f"n = {figures.NOTHING if one.n is None else figures.count(one.n)}",
        "probes": f"probes {one.probes[:6] or figures.NOTHING}",
    }
    parts = [words for key, words in said.items() if len({getattr(other, key) for other in same}) > 1]
    return f"{one.name} ({', '.join(parts)})" if parts else one.name


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
