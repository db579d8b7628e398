"""Pages of what the store says of a task or a run: one HTML file, without scripts, everything escaped."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from string import Template
from typing import Any

from slmworks.contract.errors import first_line
from slmworks.contract.manifest import Manifest
from slmworks.execution.records import RunRecord, TaskRecord
from slmworks.lineage.ancestry import relation
from slmworks.numbers import figures
from slmworks.packet.markup import Html, details, el, grid, join
from slmworks_airflow.asked import Asked

COLOURS = {"done": "passed", "cached": "passed", "failed": "missed", "stopped": "missed", "killed": "missed"}
"""State -> class of its badge; every other state is neither good nor bad."""
UP = "../" * 7
"""From a page of ours to Airflow's address: `slmworks/dags/…/runs/…/tasks/…/report`."""


def sentence(said: str, asked: Asked | None = None) -> str:
    """A page that says one thing."""
    return _page("slmworks", [el("h1", said), _ways(asked)])


def task_page(asked: Asked, task: TaskRecord) -> str:
    """How a task ended, with what, and what came out."""
    about = [
        f"{task.stage} {task.plugin}",
        _lasted(task.started, _end(task)),
        "taken from an earlier run" if task.cached else "",
        task.host and f"on {task.host}",
    ]
    head = [_badge(task.state), el("h1", task.task), _line(about), _ways(asked), *_trouble(task)]
    return _page(
        f"{task.task}: {task.state}",
        head,
        _table("Results", ("number", "value"), _numbers(task)),
        _table("Inputs", ("port", "relation", "digest"), _inputs(task)),
        _made(task.manifest),
        _table("Options", ("option", "value"), ((name, _shown(said)) for name, said in task.options.items())),
    )


def run_page(asked: Asked, run: RunRecord, tasks: Sequence[TaskRecord]) -> str:
    """How a run goes or went, task by task."""
    about = [
        f"recipe {run.recipe}",
        _lasted(run.started, run.ended or ""),
        run.user and f"started by {run.user}",
        f"{run.waiting[0]} v{run.waiting[1]} waits for a decision" if run.waiting else "",
    ]
    head = [_badge(run.state), el("h1", run.run), _line(about), _ways(asked)]
    rows = (
        (
            task.task,
            f"{task.stage} {task.plugin}",
            task.state,
            _seconds(task.started, _end(task)),
            first_line(task.error),
        )
        for task in sorted(tasks, key=lambda one: one.started)
    )
    headings = ("task", "plugin", "state", "time", "said")
    return _page(f"{run.run}: {run.state}", head, _table("Tasks", headings, rows))


# --- the parts -------------------------------------------------------------------------------------


def _page(title: str, *sections: Iterable[Html]) -> str:
    body = join(el("section", *parts) for parts in map(list, sections) if parts)
    template = Template(files("slmworks.packet").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(title=join([title]), body=body)


def _ways(asked: Asked | None) -> Html:
    """Back to Airflow, and to MLflow."""
    if asked is None:
        return Html("")
    back = el("a", f"{asked.dag} · {asked.run} · {asked.task}", href=UP + asked.path)
    return el("p", back, " · ", el("a", "MLflow", href="mlflow"), " · ", el("a", "Report", href="report"))


def _badge(state: str) -> Html:
    return el("span", state, class_=f"badge {COLOURS.get(state, 'inconclusive')}")


def _line(parts: Iterable[str]) -> Html:
    return el("p", " · ".join(part for part in parts if part), class_="soft")


def _trouble(task: TaskRecord) -> Iterator[Html]:
    if task.error:
        yield el("p", task.error, class_="text")
    if task.trace:
        yield details("Traceback", el("pre", task.trace))


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> list[Html]:
    found = list(rows)
    if not found:
        return []
    return [el("h2", title), grid(headings, found, text=range(len(headings)), label=title)]


def _numbers(task: TaskRecord) -> Iterator[tuple[str, str]]:
    """What the result's summary says, and the last point of each curve that isn't in it."""
    summary = dict(_flat(task.manifest.summary)) if task.manifest else {}
    yield from ((name, _shown(value)) for name, value in summary.items())
    last: dict[str, str] = {}
    for point in task.metrics:
        for name in point.keys() - {"step", "time"} - summary.keys():
            last[name] = f"{_shown(point[name])} (step {_shown(point.get('step', 0))})"
    yield from sorted(last.items())


def _flat(said: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its path: `rows/train`."""
    for name, value in said.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}/")
        else:
            yield f"{above}{name}", value


def _inputs(task: TaskRecord) -> Iterator[tuple[object, ...]]:
    for port, given in task.inputs.items():
        for digest in given:
            yield port, relation(task.stage, port), el("code", digest)


def _made(made: Manifest | None) -> list[Html]:
    if made is None:
        return []
    rows = [
        ("format", made.format),
        ("digest", el("code", made.digest)),
        ("size", f"{figures.size(made.size)}, {figures.count(len(made.files))} files"),
        *((f"refers to {name}", el("code", digest)) for name, digest in made.refs.items()),
        ("identity", el("code", made.fingerprint)),
    ]
    return _table("What it made", ("", made.kind), rows)


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        return figures.count(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _end(task: TaskRecord) -> str:
    return "" if task.state == "running" else task.ended  # which is then when it last told of itself


def _lasted(started: str, ended: str) -> str:
    time = _seconds(started, ended)
    return f"{started[:19].replace('T', ' ')} UTC" + (f", {time}" if time else "")


def _seconds(started: str, ended: str) -> str:
    """How long something took; empty where it goes on."""
    try:
        seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
    except (ValueError, TypeError):
        return ""
    return f"{seconds:,.1f} s"
