"""Engine file -> the pod of one task, by the narrowest place that says each of its settings."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from slmworks.contract import catalog
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.workers import ENGINE
from slmworks.engines.engine_checks import sayings
from slmworks.engines.pod_settings import Pod, amount
from slmworks.recipe.plan import PlannedTask

if TYPE_CHECKING:
    from slmworks.engines.engine_file import EngineFile


def pod_of(file: "EngineFile", task: PlannedTask | None) -> Pod:
    """The defaults, what the task's family says, its stage, its step; the narrower counts.

    None: the pod of the core's own steps. BadRequest for limits below what is requested.
    """
    said = file.settings
    found = said.defaults.over(Pod(env=said.env or None, volumes=said.volumes or None))
    wide: list[Pod | None] = [said.families.get(task.family), said.stages.get(task.stage)] if task else []
    if task and not task.brings:
        wide.append(said.steps.get(task.step))
    for narrower in wide:
        found = narrower.over(found) if narrower else found
    for name, wanted in found.requests.items():
        limit = found.bounds.get(name, wanted)
        if amount(limit) < amount(wanted):
            whose = task.id if task else "the core's own steps"
            raise BadRequest(
                f"{file.file}: the pod of {whose} requests {name} {wanted} and is limited to {limit}; set "
                f"`limits: {{{name}: …}}` where its {name} is set."
            )
    return found


def unchecked_workers(file: "EngineFile", plan: Iterable[PlannedTask]) -> Iterator[str]:
    """A line where a task's work is spread by an engine that isn't installed here."""
    for task in plan:
        named, known = file.workers(task).get(ENGINE), catalog.curate_engines()
        if named and named not in known:
            near = f" {did_you_mean(named, known)}" if known else ""
            yield (
                f"{file.at('curate', ENGINE)}: '{named}' isn't installed here, so its options are checked "
                f"where {task.id} runs.{near}"
            )
            return


def needless_devices(file: "EngineFile", plan: Iterable[PlannedTask]) -> Iterator[str]:
    """A line for each family, or the defaults, whose devices go to the tasks of several stages.

    A family's evaluation and export seldom need the GPU that its training does.
    """
    tasks = list(plan)
    for where, device in sayings(file.settings, "accelerator"):
        if where[0] in ("stages", "steps"):
            continue
        mine = [task for task in tasks if where[0] == "defaults" or task.family == where[1]]
        stages = sorted({task.stage for task in mine if pod_of(file, task).accelerator == device})
        if len(stages) > 1:
            yield (
                f"{file.at(*where)}: every pod of {', '.join(stages)} gets {device.type}; put it under "
                "`stages:` for those that use it."
            )
