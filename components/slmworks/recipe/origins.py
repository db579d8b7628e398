"""What a pretrained model rules out further down a plan, found before hours of training."""

from collections.abc import Iterator
from pathlib import Path

from slmworks.contract.artifact import Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import Manifest
from slmworks.contract.stage import output
from slmworks.recipe.plan import Plan, PlannedTask
from slmworks.store import Store


def check_origins(plan: Plan) -> None:
    """BadRequest for a step that a pretrained model in a folder of this machine rules out."""
    for fetch in plan:
        for source in fetch.sources.values():
            folder = Path(source.location)
            if source.kind == "local" and not source.members and (folder / "config.json").is_file():
                for task, problem in refusals(plan, fetch.id, Model(path=folder, format="hf")):
                    raise BadRequest(f"{plan.recipe.at('steps', task.step)}: {problem}")


def fetched_model(store: Store, brought: Manifest) -> Model | None:
    """The pretrained model in what a fetch brought into the store; None if there is none."""
    if brought.kind != Files.kind or all(Path(file.path).name != "config.json" for file in brought.files):
        return None
    try:
        return Model.from_files(Files(path=store.folder(brought.digest), digest=brought.digest))
    except BadRequest:
        return None  # whoever is given it says why


def refusals(plan: Plan, fetch: str, model: Model) -> Iterator[tuple[PlannedTask, str]]:
    """Tasks that can't take what is trained from `model`, which the task `fetch` brings, and the reasons."""
    same = {fetch}
    for task in plan:
        for port, makers in task.inputs.items():
            if same.isdisjoint(makers):
                continue
            try:
                task.configured.check_origin(port, model)
            except BadRequest as error:
                yield task, str(error)
            if task.configured.same_network == port and output(type(task.configured)) is Model:
                same.add(task.id)
