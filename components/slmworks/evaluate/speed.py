"""Speed, size and memory of a model as it is served, in turns with its reference on the same machine."""

import contextlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from slmworks.contract.artifact import Dataset, Model, Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import ModelTask, Row, Trivial
from slmworks.contract.runtime import inputs_of
from slmworks.contract.stage import Task
from slmworks.evaluate import Evaluate, trivial
from slmworks.evaluate.about import about, model_name
from slmworks.evaluate.probe import Probe, probe, time_batches, time_singles
from slmworks.evaluate.quality import model_task_of
from slmworks.evaluate.timing import Timings, latency_speedup, throughput_speedup
from slmworks.machine.process import cpu_name
from slmworks.machine.surroundings import Moment, Round, surroundings

__all__ = ["Speed"]


class Speed(Evaluate):
    """Latency, throughput, bytes on disk and peak memory, in turns with the baseline's model.

    Each model runs in a fresh process with the task's threads. Every round gives both the same rows, in
    alternating order; ratios carry bootstrap intervals over rounds.
    """

    runs_models: ClassVar = True
    exclusive: ClassVar = True
    depends_on: ClassVar = ("cpu", "threads", "onnxruntime", "tokenizers", "torch")

    seconds: PositiveFloat = 20.0
    """How long to measure, all models together; loading comes on top."""
    rounds: Annotated[int, Field(ge=3, le=1000)] = 12
    """Turns for each model; they are what the intervals resample."""
    batch_size: PositiveInt = 32
    """Rows of a batch when throughput is measured."""
    busy: Literal["again", "keep"] = "again"
    """What becomes of a measurement on a busy machine: it is made again in the next run, or kept. Report,
    verdict and packet say that the machine was busy."""
    trivial: bool = True
    """Also measure the model task's trivial baselines, fitted anew to the training rows."""

    def run(self, *, model: Model, baseline: Report | None, data: Dataset, task: Task) -> Report:
        """Write `report.json` with the model, its reference and how many times faster and smaller it is."""
        purpose = model_task_of(model, data)
        rows = _rows(purpose, data, task.seed)
        models = {"model": model}
        if baseline is not None:
            models["baseline"] = task.fetch(baseline, "model", Model)
        timings, loads, memory, rounds = self._measure(models, purpose, rows, task)
        around = surroundings(rounds, threads=task.threads)
        if around["busy"]:
            task.say(f"measured on a busy machine: {around['busy']}")
        report: dict[str, Any] = {
            "type": "speed",
            "model_task": purpose.name,
            "name": model_name(model),
            "machine": _machine(task.threads),
            "batch_size": self.batch_size,
            "rounds": self.rounds,
            "surroundings": around,
        }
        for role, one in models.items():
            own = {"load_s": round(loads[role], 3), "memory": memory[role]}
            report[role] = {"name": model_name(one)} | about(one) | timings[role].numbers() | own
        if baseline is not None:
            report["baseline"]["digest"] = models["baseline"].digest
            report |= _ratios(report, timings, task.seed)
        if self.trivial:
            report["trivial"] = self._trivial(purpose, rows, data, task, lasting=not around["busy"])
        (task.output / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        refs = {"model": model.digest, "data": data.digest}
        if baseline is not None:
            refs["baseline"] = baseline.digest
        meta = {"type": "speed", "task": purpose.in_headers}
        lasting = self.busy == "keep" or not around["busy"]
        return Report(path=task.output, meta=meta, refs=refs, summary=_summary(report), lasting=lasting)

    def _measure(
        self, models: Mapping[str, Model], purpose: ModelTask, rows: Sequence[Row], task: Task
    ) -> tuple[dict[str, Timings], dict[str, float], dict[str, int], list[Round]]:
        with contextlib.ExitStack() as stack:
            probes: dict[str, Probe] = {}
            loads: dict[str, float] = {}
            for role, model in models.items():
                task.progress(0, self.rounds, unit="rounds", note=f"load {role}")
                probes[role] = stack.enter_context(probe(role))
                loads[role] = probes[role].load(model, threads=task.threads, model_task=purpose.name)
            pace = _pace(list(probes.values()), rows, self)
            timings = {role: Timings() for role in models}
            rounds: list[Round] = []
            for one in probes.values():
                one.spent()  # on getting warm
            for turn in range(self.rounds):
                order = list(probes) if turn % 2 == 0 else list(reversed(probes))
                singles, batch = pace.rows(rows, turn)
                start = Moment.now()
                for role in order:
                    timings[role].singles.append(probes[role].latencies(singles))
                for role in order:
                    taken = probes[role].seconds(batch, self.batch_size)
                    timings[role].batches.append((len(batch), taken))
                rounds.append(_round(start, [one.spent() for one in probes.values()]))
                task.progress(turn + 1, self.rounds, unit="rounds", note="in turns" if len(order) > 1 else "")
            return timings, loads, {role: one.memory() for role, one in probes.items()}, rounds

    def _trivial(
        self, purpose: ModelTask, rows: Sequence[Row], data: Dataset, task: Task, *, lasting: bool
    ) -> dict[str, Any]:
        """Measured once a data set and machine: every candidate's report shares the same numbers.

        On a busy machine they are measured for this report alone.
        """

        def build(folder: Path) -> None:
            task.progress(0, 1, unit="fits", note="trivial baselines")
            fitted, _ = trivial.fit(purpose, data, task)
            found = {name: _timed(one, rows, self.batch_size) for name, one in fitted.items()}
            (folder / "trivial.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

        where = {"machine": _machine(task.threads), "batch_size": self.batch_size, "seed": task.seed}
        where["model_task"] = purpose.name
        if lasting:
            folder = task.share("trivial-speed", inputs={"data": data}, options=where, build=build).path
        else:
            folder = task.scratch
            build(folder)
        return dict(json.loads((folder / "trivial.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class _Pace:
    """How many rows of each kind fit into a round: the same for every model, set by the slowest."""

    singles: int
    batch_rows: int

    def rows(self, rows: Sequence[Row], turn: int) -> tuple[list[Row], list[Row]]:
        """The rows of a turn; going on through all rows and beginning again."""
        return _slice(rows, turn * self.singles, self.singles), _slice(
            rows, turn * self.batch_rows, self.batch_rows
        )


def _pace(probes: Sequence[Probe], rows: Sequence[Row], speed: Speed) -> _Pace:
    warm, batch = _slice(rows, 0, 10), _slice(rows, 0, speed.batch_size)
    single_s = batch_s = 0.0
    for one in probes:  # the first calls are slow (allocation, caches) and don't count
        one.latencies(warm)
        one.seconds(batch, speed.batch_size)
        single_s += sum(one.latencies(warm)) / 1000 / len(warm)
        batch_s += one.seconds(batch, speed.batch_size)
    share = speed.seconds / speed.rounds / 2
    return _Pace(
        singles=int(min(max(share / single_s, 5), 500)),
        batch_rows=speed.batch_size * int(min(max(share / batch_s, 1), 50)),
    )


def _round(start: Moment, spent: Sequence[tuple[float, float]]) -> Round:
    """From the CPU and clock seconds of each model's process in that round."""
    own = min(cpu / max(clock, 1e-9) for cpu, clock in spent)
    return Round.between(start, Moment.now(), used=sum(cpu for cpu, _ in spent), own=own)


def _slice(rows: Sequence[Row], start: int, length: int) -> list[Row]:
    return [rows[(start + i) % len(rows)] for i in range(length)]


def _rows(purpose: ModelTask, data: Dataset, seed: int) -> list[Row]:
    further = [name for name in purpose.asked_with if data.has("test", name)]
    rows = inputs_of(purpose, data.rows("test", *purpose.inputs, *further))
    if not rows:
        raise BadRequest("the data's split 'test' has no rows to measure with; make it larger in curate.")
    return random.Random(seed).sample(rows, len(rows))


def _ratios(report: Mapping[str, Any], timings: Mapping[str, Timings], seed: int) -> dict[str, Any]:
    ours, theirs = timings["model"], timings["baseline"]
    return {
        "speedup": latency_speedup(ours, theirs, seed=seed).rounded(),
        "throughput": throughput_speedup(ours, theirs, seed=seed).rounded(),
        "smaller": round(report["baseline"]["bytes"] / max(report["model"]["bytes"], 1), 4),
    }


def _machine(threads: int) -> dict[str, Any]:
    packages = ("onnxruntime", "tokenizers", "torch")
    return {"cpu": cpu_name(), "threads": threads, "versions": {name: _version(name) for name in packages}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _timed(one: Trivial, rows: Sequence[Row], batch_size: int) -> dict[str, Any]:
    many = _slice(rows, 0, 10 * batch_size)
    one.answer(many[:batch_size])
    taken = Timings(
        singles=[time_singles(one.answer, _slice(rows, 0, 100))],
        batches=[(len(many), time_batches(one.answer, many, batch_size))],
    )
    return taken.numbers() | {"bytes": one.bytes}


def _summary(report: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: report["model"][name] for name in ("p50_ms", "p95_ms", "rows_s", "bytes", "memory")}
    if "speedup" in report:
        found |= {"speedup": round(report["speedup"]["value"], 3), "smaller": round(report["smaller"], 3)}
    return found
