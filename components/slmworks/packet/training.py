"""How a model was trained: learning curves, and the options of every step on the way to it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, details, el, grid, join

WIDE, HIGH, ROOM = 230, 110, 10
"""A curve's picture in pixels, and the room around its line."""
MOST = 8
"""Curves of one step that are drawn."""

Point = tuple[float, float]
"""Step and value."""


@dataclass(frozen=True)
class Trained:
    """One step on the way to a model."""

    task: str
    plugin: str
    """`distill logit-kd`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    curves: Mapping[str, Sequence[Point]] = field(default_factory=dict)
    """Name of a number that was followed -> its points, in the order of the steps."""
    stopped: int = 0
    """Epoch after which it ended early; 0 where it did not."""


def curves_of(metrics: Iterable[Mapping[str, Any]]) -> dict[str, list[Point]]:
    """The curves in a task's record; those of a single point are none."""
    found: dict[str, list[Point]] = {}
    for point in metrics:
        for name, value in point.items():
            if name not in ("step", "time"):
                found.setdefault(name, []).append((float(point["step"]), float(value)))
    return {name: points for name, points in found.items() if len(points) > 1}


def early_end(metrics: Iterable[Mapping[str, Any]]) -> int:
    """The epoch after which a training ended early, by a task's record (`stopped_epoch`); else 0."""
    return int(max((point.get("stopped_epoch", 0) for point in metrics), default=0))


def section(steps: Sequence[Trained]) -> Html:
    """Curves as small pictures, options as a folded table."""
    if not steps:
        return Html("")
    drawn = [
        join(
            [
                el("h3", f"{step.task} ({step.plugin})"),
                _stopped(step.stopped),
                el(
                    "div",
                    *(_picture(name, step.curves[name]) for name in list(step.curves)[:MOST]),
                    class_="pictures",
                ),
            ]
        )
        for step in steps
        if step.curves
    ]
    return join([el("h2", "How it was trained"), *drawn, details("Options of every step", _options(steps))])


def _stopped(epoch: int) -> Html:
    words = f"Stopped after epoch {epoch}, when validation had got no better for as long as patience allows."
    return el("p", words) if epoch else Html("")


def _options(steps: Sequence[Trained]) -> Html:
    rows = [
        [step.task if first else "", step.plugin if first else "", name, _written(value)]
        for step in steps
        for first, (name, value) in zip(
            [True] + [False] * len(step.options), step.options.items() or [("", "")], strict=False
        )
    ]
    return grid(("step", "plugin", "option", "value"), rows, text=range(4), label="Options")


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _picture(name: str, points: Sequence[Point]) -> Html:
    steps, values = [point[0] for point in points], [point[1] for point in points]
    across, up = _scale(steps, ROOM, WIDE - ROOM), _scale(values, HIGH - ROOM, ROOM)
    line = " ".join(f"{across(step):.1f},{up(value):.1f}" for step, value in points)
    first, last = figures.amount(values[0]), figures.amount(values[-1])
    words = f"{name.replace('_', ' ')}: {first} → {last}"
    return el(
        "figure",
        el(
            "svg",
            el("title", words),
            el("rect", x=0.5, y=0.5, width=WIDE - 1, height=HIGH - 1, class_="frame"),
            el("polyline", points=line, class_="curve"),
            width=WIDE,
            height=HIGH,
            viewBox=f"0 0 {WIDE} {HIGH}",
            role="img",
            aria_label=words,
        ),
        el("figcaption", words),
    )


def _scale(values: Sequence[float], start: float, end: float) -> Any:
    low, high = min(values), max(values)
    return lambda value: start + (end - start) * ((value - low) / (high - low) if high > low else 0.5)
