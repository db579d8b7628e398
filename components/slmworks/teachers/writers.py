"""Models that can be asked for answers, told apart before anything expensive runs."""

from slmworks.contract import catalog
from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest

MODEL_TASK = "text-generation"


def require_writer(model: Model, role: str) -> None:
    """BadRequest for a model that writes no answers with settings of their own; `role`: its port."""
    named = catalog.canonical(model.model_task) if model.model_task else MODEL_TASK
    if named != MODEL_TASK:
        raise BadRequest(
            f"{role}: it is a model for {named}, which writes no answers; give a model for {MODEL_TASK}."
        )
    known = catalog.runtimes(MODEL_TASK)
    able = sorted(name for name, found in known.items() if _writes(found))
    if model.format in known and model.format not in able:
        raise BadRequest(
            f"{role}: models of format '{model.format}' can't be asked with settings of their own (can: "
            f"{', '.join(able) or 'none'}); export the model first."
        )


def _writes(found: catalog.Offered) -> bool:
    """Whether a runtime is a `Writing`; one whose library is missing says so when it is opened."""
    try:
        return hasattr(found.load(), "write")
    except ModuleNotFoundError:
        return True
