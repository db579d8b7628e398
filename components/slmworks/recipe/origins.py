"""What a pretrained model rules out further down a plan, found before hours of training."""

from collections.abc import Iterator
from pathlib import Path

from slmworks.contract.artifact import Files, Model, Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.hosted import FORMAT as HOSTED
from slmworks.contract.hosted import Hosted, is_hosted
from slmworks.contract.manifest import Manifest
from slmworks.contract.stage import WHEN, inlets, output
from slmworks.fetch import Source
from slmworks.recipe.plan import Plan, PlannedTask
from slmworks.store import Store


def check_origins(plan: Plan) -> None:
    """BadRequest for a step that a model on this machine rules out: a pretrained or a hosted one."""
    for fetch in plan:
        for source in fetch.sources.values():
            if source.kind != "local" or source.members:
                continue
            folder = Path(source.location)
            if (folder / "config.json").is_file():
                model = Model(path=folder, format="hf")
            elif hosted := _hosted(plan, fetch, source):
                model = Model(path=hosted.parent, format=HOSTED)
            else:
                continue
            for task, problem in refusals(plan, fetch.id, model):
                raise BadRequest(f"{plan.recipe.at('steps', task.step)}: {problem}")


def _hosted(plan: Plan, fetch: PlannedTask, source: Source) -> Path | None:
    """The file of a hosted model that a step is given as one; BadRequest for what is wrong in it."""
    found = [path for name, path in source.files().items() if is_hosted(Path(name).name)]
    if len(found) != 1 or not any(fetch.id in makers for _, _, makers in _models(plan)):
        return None
    try:
        Hosted.read(found[0])
    except BadRequest as error:
        raise BadRequest(f"{plan.recipe.at('steps', fetch.step)}: {error}") from None
    return found[0]


def fetched_model(store: Store, brought: Manifest) -> Model | None:
    """The pretrained or hosted model in what a fetch brought into the store; None if there is none."""
    names = {Path(file.path).name for file in brought.files}
    if brought.kind != Files.kind or not ("config.json" in names or any(map(is_hosted, names))):
        return None
    try:
        return Model.from_files(Files(path=store.folder(brought.digest), digest=brought.digest))
    except BadRequest:
        return None  # whoever is given it says why


def refusals(plan: Plan, fetch: str, model: Model) -> Iterator[tuple[PlannedTask, str]]:
    """Tasks that can't take what is trained from `model`, which the task `fetch` brings, and the reasons."""
    if model.format == HOSTED:
        yield from _only_asked(plan, fetch)
    same = {fetch}
    for task in plan:
        for port, makers in task.inputs.items():
            if port == WHEN or same.isdisjoint(makers):
                continue
            try:
                task.configured.check_origin(port, model)
            except BadRequest as error:
                yield task, str(error)
            if task.configured.same_network == port and output(type(task.configured)) is Model:
                same.add(task.id)


def _models(plan: Plan) -> Iterator[tuple[PlannedTask, str, tuple[str, ...]]]:
    """Task, port and makers, wherever a task is given a model."""
    for task in plan:
        declared = inlets(type(task.configured))
        yield from (
            (task, port, makers) for port, makers in task.inputs.items() if declared[port].kind is Model
        )


def _only_asked(plan: Plan, fetch: str) -> Iterator[tuple[PlannedTask, str]]:
    """Tasks that want more of a hosted model than its answers: its weights, or to release it."""
    judged = set()
    for task, port, makers in _models(plan):
        if fetch not in makers:
            continue
        takes = task.configured.accepts.get(port, ())
        if takes and HOSTED not in takes:
            yield (
                task,
                f"{port}: takes {' or '.join(takes)} models, and nobody here has a hosted one's weights.",
            )
        elif output(type(task.configured)) is Report and task.inputs.get("baseline"):
            judged.add(task.id)
    for gate in (task for task in plan if task.configured.decides):
        if judged.intersection(gate.inputs.get("reports", ())) - {*gate.inputs.get("references", ())}:
            yield (
                gate,
                (
                    "a hosted model can't be chosen, since it can't be released; give its report as "
                    "`references`, or as the `baseline` of the others."
                ),
            )
