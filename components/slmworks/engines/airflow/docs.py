"""Pages of a DAG and of its tasks in Airflow, as Markdown."""

import inspect
import json

from slmworks.packet.markdown_text import escaped, fenced, paragraph, table
from slmworks.recipe.plan import Plan, PlannedTask


def dag_page(plan: Plan) -> str:
    """The page of a recipe: its description, steps and text."""
    recipe = plan.recipe
    rows = [(task.id, task.stage, task.plugin, ", ".join(task.needs)) for task in plan]
    parts = [
        paragraph(recipe.description),
        table(("task", "stage", "plugin", "after"), rows),
        fenced(recipe.text, "yaml"),
    ]
    return "\n\n".join(part for part in parts if part)


def task_page(task: PlannedTask) -> str:
    """The page of a task: its plugin's docstring, and its options."""
    about = inspect.cleandoc(type(task.configured).__doc__ or "")
    options = json.dumps(task.options, indent=1, ensure_ascii=False)
    named = f"**{escaped(f'{task.stage} {task.plugin}')}** ({escaped(task.family)})"
    return f"{named}\n\n{about}\n\n{fenced(options, 'json')}"
