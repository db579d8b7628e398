"""The rows of the final table: the teacher, every candidate, and what a trivial model would do."""

from collections.abc import Mapping
from typing import Any

from slmworks.gate.candidates import Candidate, Judged

Row = dict[str, Any]

SPEED = ("p50_ms", "p95_ms", "rows_s", "memory", "load_s")
RATIOS = ("speedup", "throughput")


def teacher_row(baseline: Judged, chosen: Candidate) -> Row:
    """The baseline itself; its speed is what was measured in turns with the chosen candidate."""
    said = baseline.said
    speed = (chosen.speed or {}).get("baseline")
    return _row("teacher", "teacher", said["splits"]["test"], speed) | {
        "model": baseline.model,
        "format": said["model"]["format"],
        "parameters": said["model"]["parameters"],
        "bytes": said["model"]["bytes"],
    }


def candidate_row(one: Candidate, kept: Mapping[str, float], *, chosen: bool) -> Row:
    """A candidate; `kept` is its retention on test. Ratios are against what it was measured in turns with."""
    speed = one.speed or {}
    row = _row("candidate", one.name, one.said["splits"]["test"], speed.get("model"))
    return row | {
        "model": one.model,
        "format": one.said["model"]["format"],
        "parameters": one.said["model"]["parameters"],
        "bytes": one.bytes,
        "kept": dict(kept),
        "smaller": round(one.smaller, 4),
        "chosen": chosen,
        **{name: speed[name] for name in RATIOS if name in speed},
    }


def champion_row(champion: Judged, baseline: Judged, kept: Mapping[str, float]) -> Row:
    """Today's champion, where it isn't a candidate itself; its speed is not measured here."""
    said = champion.said["model"]
    row = _row("champion", "champion", champion.said["splits"]["test"], None)
    return row | {
        "model": champion.model,
        "format": said["format"],
        "parameters": said["parameters"],
        "bytes": champion.bytes,
        "kept": dict(kept),
        "smaller": round(baseline.bytes / max(champion.bytes, 1), 4),
    }


def trivial_rows(baseline: Judged, chosen: Candidate) -> list[Row]:
    """Majority and TF-IDF + linear, where the baseline's report has them."""
    speeds = (chosen.speed or {}).get("trivial", {})
    theirs = max(baseline.said["splits"]["test"]["accuracy"]["value"], 1e-9)
    rows = []
    for name, splits in baseline.said.get("trivial", {}).items():
        speed = speeds.get(name)
        row = _row("trivial", name, splits["test"], speed)
        kept = {"value": round(splits["test"]["accuracy"]["value"] / theirs, 6)}
        rows.append(row | {"kept": kept, "bytes": speed["bytes"] if speed else None})
    return rows


def _row(role: str, name: str, scores: Mapping[str, Any], speed: Mapping[str, Any] | None) -> Row:
    found: Row = {
        "role": role,
        "name": name,
        "chosen": False,
        "n": scores["n"],
        "accuracy": scores["accuracy"],
        "macro_f1": scores["macro_f1"],
    }
    return found | {key: (speed or {}).get(key) for key in SPEED}
