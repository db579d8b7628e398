"""What an environment lacks for a task that was planned elsewhere, in one line with the way out."""

import os

from slmworks.contract import catalog
from slmworks.execution.spec import TaskSpec


def other_code(spec: TaskSpec) -> str:
    """One line for code that differs from the planned code, with the way out."""
    found = catalog.plugin(spec.stage, spec.plugin)
    what = f"{spec.id}: {spec.stage} {spec.plugin} ({found.distribution} {found.version}) is other code here"
    image = os.environ.get("SLMWORKS_IMAGE")
    if not image:
        return (
            f"{what} than when the plan was made. If it was edited meanwhile, run the recipe again; on "
            "another machine, install the same version."
        )
    revision = os.environ.get("SLMWORKS_REVISION")
    made = f", made from revision {revision}," if revision else ""
    return (
        f"{what} than where the pipeline was compiled. Build the image {image}{made} again from what was "
        "compiled (make images), or compile again where the image's code is installed."
    )


def missing_module(spec: TaskSpec, error: ModuleNotFoundError) -> str:
    """One line with the command that installs a plugin's missing library."""
    found = catalog.plugin(spec.stage, spec.plugin)
    return (
        f"{spec.id}: {spec.stage} {spec.plugin} needs '{error.name}', which is not installed: "
        f"pip install '{found.distribution}[run]'"
    )
