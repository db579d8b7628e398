"""Pages of a DAG and of its tasks in Airflow, as Markdown."""

import inspect
import json

from slmworks.packet.markdown_text import code, escaped, fenced, paragraph, table
from slmworks.recipe.plan import Plan, PlannedTask


def dag_page(plan: Plan, *, paused: bool = False, when: str = "") -> str:
    """The page of a recipe: its description, the files that it reads, steps and text.

    `paused`: the DAG begins paused; `when`: of the DAG behind an approval, Markdown about when it runs.
    """
    recipe = plan.recipe
    rows = [(task.id, task.stage, task.plugin, ", ".join(task.needs)) for task in plan]
    parts = [
        paragraph(recipe.description),
        when or _needs(plan, paused=paused),
        table(("task", "stage", "plugin", "after"), rows),
        fenced(recipe.text, "yaml"),
    ]
    return "\n\n".join(part for part in parts if part)


def followed_by(name: str, address: str) -> str:
    """The sentence about the DAG of what follows an approval, for the page of the one before it."""
    return f"Once its release is approved, {_dag(name, address)} runs what follows."


def runs_after(model: str, name: str = "", address: str = "") -> str:
    """The sentence about when the DAG behind an approval runs; `name`: that of the DAG before it."""
    where = f" in {_dag(name, address)}" if name else ""
    return (
        f"It runs whenever a version of {code(model)} is approved{where}. "
        "After `slmworks approve`, which Airflow does not see, trigger it by hand."
    )


def _dag(name: str, address: str) -> str:
    return f"the DAG [{escaped(name)}]({address})"


def _needs(plan: Plan, *, paused: bool) -> str:
    """The files of the worker's machine that a recipe reads, and that the DAG waits for them."""
    local = [source.text for task in plan for source in task.sources.values() if source.kind == "local"]
    files = ", ".join(code(file) for file in dict.fromkeys(local))
    reads = f"It reads {files} in the recipe's folder on the worker's machine." if files else ""
    waits = "It begins paused: unpause it once its data is there." if paused else ""
    return " ".join(part for part in (reads, waits) if part)


def task_page(task: PlannedTask) -> str:
    """The page of a task: its plugin's docstring, and its options."""
    about = inspect.cleandoc(type(task.configured).__doc__ or "")
    options = json.dumps(task.options, indent=1, ensure_ascii=False)
    named = f"**{escaped(f'{task.stage} {task.plugin}')}** ({escaped(task.family)})"
    return f"{named}\n\n{about}\n\n{fenced(options, 'json')}"
