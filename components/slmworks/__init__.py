"""slmworks: a works for small language models.

One recipe takes data and a large teacher and brings out an approved small model. These names are the public
face: `run`, `runs` and `load`, stages, artifacts, errors, model tasks, runtimes, plans. Importing the package
imports nothing; a name is resolved when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slmworks.align import Align as Align
    from slmworks.api.history import runs as runs
    from slmworks.api.predictor import Predictor as Predictor
    from slmworks.api.predictor import load as load
    from slmworks.api.running import Finished as Finished
    from slmworks.api.running import run as run
    from slmworks.approve import Approve as Approve
    from slmworks.contract.artifact import Artifact as Artifact
    from slmworks.contract.artifact import Dataset as Dataset
    from slmworks.contract.artifact import Deployment as Deployment
    from slmworks.contract.artifact import Files as Files
    from slmworks.contract.artifact import Model as Model
    from slmworks.contract.artifact import Release as Release
    from slmworks.contract.artifact import Report as Report
    from slmworks.contract.artifact import Verdict as Verdict
    from slmworks.contract.errors import BadRequest as BadRequest
    from slmworks.contract.errors import CorruptObject as CorruptObject
    from slmworks.contract.errors import SlmworksError as SlmworksError
    from slmworks.contract.errors import TaskFailed as TaskFailed
    from slmworks.contract.model_task import Answer as Answer
    from slmworks.contract.model_task import Details as Details
    from slmworks.contract.model_task import Dialect as Dialect
    from slmworks.contract.model_task import Measure as Measure
    from slmworks.contract.model_task import ModelTask as ModelTask
    from slmworks.contract.model_task import Row as Row
    from slmworks.contract.model_task import Trivial as Trivial
    from slmworks.contract.runtime import Network as Network
    from slmworks.contract.runtime import Outputs as Outputs
    from slmworks.contract.runtime import Runtime as Runtime
    from slmworks.contract.runtime import Truncating as Truncating
    from slmworks.contract.runtime import answer_all as answer_all
    from slmworks.contract.runtime import open_runtime as open_runtime
    from slmworks.contract.runtime import outputs_all as outputs_all
    from slmworks.contract.stage import Stage as Stage
    from slmworks.contract.stage import Task as Task
    from slmworks.curate import Curate as Curate
    from slmworks.deploy import Deploy as Deploy
    from slmworks.distill import Distill as Distill
    from slmworks.evaluate import Evaluate as Evaluate
    from slmworks.evaluate.quality_report import QualityReport as QualityReport
    from slmworks.evaluate.quality_report import is_quality as is_quality
    from slmworks.export import Export as Export
    from slmworks.factorize import Factorize as Factorize
    from slmworks.fetch import Fetch as Fetch
    from slmworks.fetch import Source as Source
    from slmworks.finetune import Finetune as Finetune
    from slmworks.gate import Gate as Gate
    from slmworks.prune import Prune as Prune
    from slmworks.quantize import Quantize as Quantize
    from slmworks.recipe.lower import Plan as Plan
    from slmworks.recipe.lower import plan as plan
    from slmworks.recipe.recipe import Recipe as Recipe
    from slmworks.recipe.recipe import Step as Step
    from slmworks.register import Register as Register
    from slmworks.registry.task import ReleaseTask as ReleaseTask

__version__ = "0.1.0"

_HOMES = {
    "align": ("Align",),
    "api.history": ("runs",),
    "api.predictor": ("Predictor", "load"),
    "api.running": ("Finished", "run"),
    "approve": ("Approve",),
    "contract.artifact": (
        "Artifact", "Dataset", "Deployment", "Files", "Model", "Release", "Report", "Verdict",
    ),
    "contract.errors": ("BadRequest", "CorruptObject", "SlmworksError", "TaskFailed"),
    "contract.model_task": ("Answer", "Details", "Dialect", "Measure", "ModelTask", "Row", "Trivial"),
    "contract.runtime": (
        "Network",
        "Outputs",
        "Runtime",
        "Truncating",
        "answer_all",
        "open_runtime",
        "outputs_all",
    ),
    "contract.stage": ("Stage", "Task"),
    "curate": ("Curate",),
    "deploy": ("Deploy",),
    "distill": ("Distill",),
    "evaluate": ("Evaluate",),
    "evaluate.quality_report": ("QualityReport", "is_quality"),
    "export": ("Export",),
    "factorize": ("Factorize",),
    "fetch": ("Fetch", "Source"),
    "finetune": ("Finetune",),
    "gate": ("Gate",),
    "prune": ("Prune",),
    "quantize": ("Quantize",),
    "recipe.lower": ("Plan", "plan"),
    "recipe.recipe": ("Recipe", "Step"),
    "register": ("Register",),
    "registry.task": ("ReleaseTask",),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605 - one table


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'slmworks' has no attribute '{name}'")
    found = globals()[name] = getattr(import_module(f"slmworks.{_HOME[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
