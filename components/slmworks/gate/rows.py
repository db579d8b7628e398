"""The rows of the final table: the teacher, every candidate, and what a trivial baseline would do."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from slmworks.contract.model_task import ModelTask
from slmworks.evaluate.quality_report import QualityReport
from slmworks.gate.candidates import Candidate, times_smaller
from slmworks.numbers import figures, statistics
from slmworks.numbers.paired import Paired

Row = dict[str, Any]

SPEED = ("p50_ms", "p95_ms", "rows_s", "memory", "load_s")
RATIOS = ("speedup", "throughput")
UNLIKE = 1.25
"""How many times longer the teacher may take beside one candidate than beside another."""
SHOWN = 2
"""Measures that the table has a column for."""


def shown_measures(quality: QualityReport) -> list[dict[str, str]]:
    """Name and title of the measures that the table shows: the deciding one, then further ones."""
    task, found = quality.model_task, quality.measures("test")
    names = [one.name for one in task.measures] + list(found)
    return [{"name": name, "title": task.title(name)} for name in list(dict.fromkeys(names))[:SHOWN]]


def teacher_row(baseline: QualityReport, found: Sequence[Candidate]) -> Row:
    """The baseline itself; each speed is the median of what was measured in turns with the candidates."""
    told = _teacher_speeds(found)
    known = [*SPEED, *(["joules"] if all("joules" in one for one in told) else [])]
    speed = {key: median(one[key] for one in told) for key in known} if told else None
    return _row("teacher", "teacher", baseline.model_task, baseline.split("test"), speed) | _model(baseline)


def speed_warnings(found: Sequence[Candidate]) -> list[str]:
    """A sentence where the same teacher was much slower beside one candidate than beside another."""
    times = [one["p50_ms"] for one in _teacher_speeds(found)]
    if not times or max(times) <= UNLIKE * min(times):
        return []
    both = f"{figures.milliseconds(min(times))} to {figures.milliseconds(max(times))} ms"
    return [f"warning: the teacher took {both} beside the candidates; compare their ratios, not their times"]


def trivial_warnings(one: Candidate, resamples: int, seed: int, *, but: float | None) -> list[str]:
    """Trivial baselines that the candidate does not beat for sure (5 %, see `statistics.p_differ`).

    `but`: what is required over the linear model, whose check then says it.
    """
    found, written = [], one.quality.measure.written
    for name in one.baseline.trivial:
        if name == one.baseline.model_task.linear and but is not None:
            continue
        pairs = one.beside_trivial(name, "test")
        better = pairs.difference > 0
        if better and statistics.p_differ(pairs, resamples=resamples, seed=seed) < 0.05:
            continue
        both = f"{written(pairs.other)} against {written(pairs.value)}"
        found.append(f"warning: {name} is as good ({both}), so a language model may not pay")
    return found


def _teacher_speeds(found: Sequence[Candidate]) -> list[Mapping[str, float]]:
    return [one.speed["baseline"] for one in found if one.speed and "baseline" in one.speed]


def candidate_row(one: Candidate, kept: Mapping[str, float], *, chosen: bool) -> Row:
    """A candidate; `kept` is its retention on test. Ratios are against what it was measured in turns with."""
    speed, quality = one.speed or {}, one.quality
    row = _row("candidate", one.name, quality.model_task, quality.split("test"), speed.get("model"))
    return row | {
        **_model(quality),
        "kept": dict(kept),
        "smaller": _ratio(one.smaller),
        "chosen": chosen,
        **{name: speed[name] for name in RATIOS if name in speed},
    }


def champion_row(champion: QualityReport, baseline: QualityReport, kept: Mapping[str, float]) -> Row:
    """Today's champion, where it isn't a candidate itself; its speed is not measured here."""
    return {
        **_row("champion", "champion", champion.model_task, champion.split("test"), None),
        **_model(champion),
        "kept": dict(kept),
        "smaller": _ratio(times_smaller(champion, baseline)),
    }


def reference_row(name: str, reference: QualityReport, baseline: QualityReport, kept: float) -> Row:
    """A model that must be beaten and is never chosen; its speed is not measured here."""
    return {
        **_row("reference", name, reference.model_task, reference.split("test"), None),
        **_model(reference),
        "kept": {"value": round(kept, 6)},
        "smaller": _ratio(times_smaller(reference, baseline)),
    }


def trivial_rows(baseline: QualityReport, chosen: Candidate) -> list[Row]:
    """The model task's trivial baselines, where the baseline's report has them."""
    speeds = (chosen.speed or {}).get("trivial", {})
    judged, measure = baseline.judged("test"), baseline.measure
    rows = []
    for name, splits in baseline.trivial.items():
        speed = speeds.get(name)
        pairs = Paired.pair(judged.trivial[name], judged.counts[measure.name], measure)
        row = _row("trivial", name, baseline.model_task, splits["test"], speed)
        kept = {"value": round(pairs.kept, 6)}
        rows.append(row | {"kept": kept, "bytes": speed["bytes"] if speed else None})
    return rows


def _ratio(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _model(quality: QualityReport) -> Row:
    return {
        "model": quality.model,
        "format": quality.format,
        "parameters": quality.parameters,
        "bytes": quality.bytes,
    }


def _row(
    role: str, name: str, task: ModelTask, scores: Mapping[str, Any], speed: Mapping[str, Any] | None
) -> Row:
    measures = dict(scores["measures"])
    return {
        "role": role,
        "name": name,
        "chosen": False,
        "n": scores["n"],
        "measures": measures,
        "written": written_measures(task, measures),
        **{key: (speed or {}).get(key) for key in SPEED},
        **({"joules": speed["joules"]} if speed and "joules" in speed else {}),
    }


def written_measures(task: ModelTask, measures: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Measure -> its value as people read it; the deciding one with its interval."""
    first = task.measures[0].name
    return {
        name: figures.interval(found, task.written(name))
        if name == first
        else task.written(name)(found["value"])
        for name, found in measures.items()
    }
