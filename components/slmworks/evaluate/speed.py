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
from slmworks.contract.hosted import FORMAT as HOSTED
from slmworks.contract.model_task import ModelTask, Row, Trivial
from slmworks.contract.runtime import inputs_of
from slmworks.contract.stage import Task
from slmworks.evaluate import Evaluate, trivial
from slmworks.evaluate.about import about, model_name
from slmworks.evaluate.inputs import model_task_of
from slmworks.evaluate.pace import Pace, taken
from slmworks.evaluate.probe import Probe, probe, time_batches, time_singles
from slmworks.evaluate.timing import Timings, latency_speedup, throughput_speedup, token_speedups
from slmworks.machine.energy import Meter
from slmworks.machine.process import cpu_name
from slmworks.machine.surroundings import Moment, Round, surroundings

__all__ = ["Speed"]

ABSENT = "absent"
"""In place of the version of a package that isn't installed."""


class Speed(Evaluate):
    """Latency, throughput, bytes on disk and peak memory, in turns with the baseline's model.

    Of models that write token by token also the time to the first token, and tokens a second of prompt and
    answer apart. Each model runs in a fresh process with the task's threads. Every round gives both the same
    rows, in alternating order; ratios carry bootstrap intervals over rounds.
    """

    runs_models: ClassVar = True
    exclusive: ClassVar = True
    depends_on: ClassVar = (
        "cpu", "threads", "onnxruntime", "tokenizers", "torch", "transformers", "xllamacpp",
    )  # fmt: skip

    seconds: PositiveFloat = 20.0
    """How long to measure, all models together; loading comes on top."""
    rounds: Annotated[int, Field(ge=3, le=1000)] = 12
    """Turns for each model; they are what the intervals resample. Fewer, but three, where answers are written
    token by token and take too long."""
    batch_size: PositiveInt = 32
    """Rows of a batch when throughput is measured; fewer, where they are written token by token and take too
    long."""
    busy: Literal["again", "keep"] = "again"
    """What becomes of a measurement on a busy machine: it is made again in the next run, or kept. Report,
    verdict and packet say that the machine was busy."""
    trivial: bool = True
    """Also measure the model task's trivial baselines, fitted anew to the training rows."""

    def check_origin(self, port: str, model: Model) -> None:
        """BadRequest for a hosted model: its speed is that of another's machine and the way there."""
        if model.format == HOSTED:
            raise BadRequest(
                f"{port}: the speed of a hosted model is none of this machine, and each answer of it costs; "
                "measure its quality only."
            )

    def run(self, *, model: Model, baseline: Report | None, data: Dataset, task: Task, **_: object) -> Report:
        """Write `report.json` with the model, its reference and how many times faster and smaller it is."""
        purpose = model_task_of(model, data)
        rows = _rows(purpose, data, task.seed)
        models = {"model": model}
        if baseline is not None:
            models["baseline"] = task.fetch(baseline, "model", Model)
        for role, one in models.items():
            self.check_origin(role, one)
        measured = self._measure(models, purpose, rows, task)
        timings = measured.timings
        around = surroundings(measured.rounds, threads=task.threads)
        if around["busy"]:
            task.say(f"measured on a busy machine: {around['busy']}")
        report: dict[str, Any] = {
            "type": "speed",
            "model_task": purpose.name,
            "name": model_name(model),
            "machine": _machine(task.threads),
            "batch_size": measured.pace.batch_size,
            "rounds": measured.pace.rounds,
            "surroundings": around,
        }
        for role, one in models.items():
            own = {"load_s": round(measured.loads[role], 3), "memory": measured.memory[role]}
            own["cpu_ms"] = round(measured.cpu_ms[role], 4)
            if measured.joules[role]:
                own["joules"] = round(measured.joules[role], 4)
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
    ) -> "_Measured":
        with contextlib.ExitStack() as stack:
            probes: dict[str, Probe] = {}
            loads: dict[str, float] = {}
            for role, model in models.items():
                task.progress(0, self.rounds, unit="rounds", note=f"load {role}")
                probes[role] = stack.enter_context(probe(role))
                loads[role] = probes[role].load(model, threads=task.threads, model_task=purpose.name)
            pace = Pace.of(
                list(probes.values()),
                rows,
                seconds=self.seconds,
                rounds=self.rounds,
                batch_size=self.batch_size,
            )
            if less := pace.less(self.rounds, self.batch_size, self.seconds):
                task.say(less)
            timings = {role: Timings() for role in models}
            rounds: list[Round] = []
            cpu, answers = dict.fromkeys(models, 0.0), 0
            meter, joules = Meter(), dict.fromkeys(models, 0.0)
            for one in probes.values():
                one.spent()  # on getting warm
            for turn in range(pace.rounds):
                order = list(probes) if turn % 2 == 0 else list(reversed(probes))
                singles, batch = pace.rows(rows, turn)
                start = Moment.now()
                meter.joules()  # of what was between the rounds
                for role in order:
                    timings[role].add_singles(probes[role].singles(singles))
                    joules[role] += meter.joules()
                for role in order:
                    timings[role].add_batches(len(batch), probes[role].batches(batch, pace.batch_size))
                    joules[role] += meter.joules()
                spent = {role: one.spent() for role, one in probes.items()}
                cpu = {role: cpu[role] + spent[role][0] for role in cpu}
                answers += len(singles) + len(batch)
                rounds.append(_round(start, list(spent.values())))
                task.progress(turn + 1, pace.rounds, unit="rounds", note="in turns" if len(order) > 1 else "")
            memory = {role: one.memory() for role, one in probes.items()}
            cpu_ms = {role: 1000 * seconds / max(answers, 1) for role, seconds in cpu.items()}
            each = {role: 1000 * spent / max(answers, 1) for role, spent in joules.items()}
            return _Measured(timings, loads, memory, cpu_ms, each, rounds, pace)

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
class _Measured:
    """All that was measured, by role."""

    timings: dict[str, Timings]
    loads: dict[str, float]
    memory: dict[str, int]
    cpu_ms: dict[str, float]
    """Time of all cores an answer, those alone and those in batches together."""
    joules: dict[str, float]
    """Energy of the machine's processors for 1,000 answers; 0 where nobody may read it."""
    rounds: list[Round]
    pace: Pace


def _round(start: Moment, spent: Sequence[tuple[float, float]]) -> Round:
    """From the CPU and clock seconds of each model's process in that round."""
    own = min(cpu / max(clock, 1e-9) for cpu, clock in spent)
    return Round.between(start, Moment.now(), used=sum(cpu for cpu, _ in spent), own=own)


def _rows(purpose: ModelTask, data: Dataset, seed: int) -> list[Row]:
    further = [name for name in purpose.asked_with if data.has("test", name)]
    rows = inputs_of(purpose, data.rows("test", *purpose.inputs, *further))
    if not rows:
        raise BadRequest("the data's split 'test' has no rows to measure with; make it larger in curate.")
    return random.Random(seed).sample(rows, len(rows))


def _ratios(report: Mapping[str, Any], timings: Mapping[str, Timings], seed: int) -> dict[str, Any]:
    ours, theirs = timings["model"], timings["baseline"]
    by_token = {name: one.rounded() for name, one in token_speedups(ours, theirs, seed=seed).items()}
    return {
        "speedup": latency_speedup(ours, theirs, seed=seed).rounded(),
        "throughput": throughput_speedup(ours, theirs, seed=seed).rounded(),
        "smaller": round(report["baseline"]["bytes"] / max(report["model"]["bytes"], 1), 4),
        **({"token_speedups": by_token} if by_token else {}),
    }


def _machine(threads: int) -> dict[str, Any]:
    versions = {name: _version(name) for name in ("onnxruntime", "tokenizers", "torch")}
    more = {name: _version(name) for name in ("transformers", "xllamacpp")}
    versions |= {name: found for name, found in more.items() if found != ABSENT}
    return {"cpu": cpu_name(), "threads": threads, "versions": versions}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ABSENT


def _timed(one: Trivial, rows: Sequence[Row], batch_size: int) -> dict[str, Any]:
    many = taken(rows, 0, 10 * batch_size)
    one.answer(many[:batch_size])
    times = Timings(
        singles=[time_singles(one.answer, taken(rows, 0, 100))],
        batches=[(len(many), time_batches(one.answer, many, batch_size))],
    )
    return times.numbers() | {"bytes": one.bytes}


def _summary(report: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: report["model"][name] for name in ("p50_ms", "p95_ms", "rows_s", "bytes", "memory")}
    if tokens := report["model"].get("tokens"):
        found |= {name: value for name, value in tokens.items() if name != "at_once"}
    if "speedup" in report:
        found |= {"speedup": round(report["speedup"]["value"], 3), "smaller": round(report["smaller"], 3)}
    return found
