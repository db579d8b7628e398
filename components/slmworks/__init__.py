"""slmworks: a works for small language models.

One recipe takes data and a large teacher and brings out an approved small model. Importing this package
imports nothing heavy; the names below are resolved when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slmworks.contract.artifact import Dataset, Deployment, Files, Model, Release, Report, Verdict
    from slmworks.contract.errors import BadRequest, SlmworksError, TaskFailed
    from slmworks.contract.stage import Stage, Task
    from slmworks.recipe.lower import Plan, plan
    from slmworks.recipe.recipe import Recipe, Step

__version__ = "0.1.0"

_HOMES = {
    "contract.artifact": ("Dataset", "Deployment", "Files", "Model", "Release", "Report", "Verdict"),
    "contract.errors": ("BadRequest", "SlmworksError", "TaskFailed"),
    "recipe.lower": ("Plan", "plan"),
    "recipe.recipe": ("Recipe", "Step"),
    "contract.stage": ("Stage", "Task"),
}

__all__ = [
    "BadRequest",
    "Dataset",
    "Deployment",
    "Files",
    "Model",
    "Plan",
    "Recipe",
    "Release",
    "Report",
    "SlmworksError",
    "Stage",
    "Step",
    "Task",
    "TaskFailed",
    "Verdict",
    "plan",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"slmworks.{module}"), name)
    raise AttributeError(f"module 'slmworks' has no attribute '{name}'")
