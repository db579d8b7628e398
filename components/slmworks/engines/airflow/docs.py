"""Pages of a DAG and of its tasks in Airflow, as Markdown."""

import json

from slmworks.recipe.plan import Plan, PlannedTask


def dag_page(plan: Plan) -> str:
    """The page of a recipe: its description, steps and text."""
    recipe = plan.recipe
    rows = [f"| {task.id} | {task.stage} | {task.plugin} | {', '.join(task.needs)} |" for task in plan]
    parts = [
        recipe.description,
        "\n".join(["| task | stage | plugin | after |", "|---|---|---|---|", *rows]),
        f"```yaml\n{recipe.text.rstrip()}\n```",
    ]
    return "\n\n".join(part for part in parts if part)


def task_page(task: PlannedTask) -> str:
    """The page of a task: its plugin's docstring, and its options."""
    about = (type(task.configured).__doc__ or "").strip()
    options = json.dumps(task.options, indent=1, ensure_ascii=False)
    return f"**{task.stage} {task.plugin}** ({task.family})\n\n{about}\n\n```json\n{options}\n```"
