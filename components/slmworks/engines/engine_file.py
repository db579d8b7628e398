"""The engine file, one an environment: images, resources and services of each plugin family.

Never part of an identity: the same recipe has the same digests with any engine file. It holds no
secret, only references to a cluster's.

    store: s3://works/store
    families: {our-trainers: {image: "registry.example/our-trainers:1.0"}}
    stages: {finetune: {cpu: "8", memory: 16Gi}}
    secrets: {AWS_SECRET_ACCESS_KEY: {secret: store, key: secret-key}}
"""

import os
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from slmworks.contract import catalog
from slmworks.contract.catalog import CORE
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.options import OptionError, list_hint
from slmworks.contract.workers import engine_of
from slmworks.engines.engine_checks import check
from slmworks.engines.pod_settings import Pod, SecretKey
from slmworks.engines.settings import Reviewer, Settings
from slmworks.engines.task_pods import pod_of
from slmworks.recipe.plan import PlannedTask
from slmworks.recipe.yaml_file import Where, load, place, read_text
from slmworks.store import Store, open_store

if typing.TYPE_CHECKING:
    from slmworks.deploy import Deploy


@dataclass(frozen=True)
class EngineFile:
    """An engine file that was read; without one, `EngineFile()`: everything here, in this environment."""

    settings: Settings = field(default_factory=Settings)
    file: str = "engine file"
    folder: Path = field(default_factory=Path)
    lines: Mapping[Where, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read and check the file at `path`; BadRequest names the line, the problem and the way out."""
        text = read_text(path, "engine file")
        return cls.parse(text, file=str(path), folder=Path(path).absolute().parent)

    @classmethod
    def parse(cls, text: str, *, file: str = "engine file", folder: Path | None = None) -> Self:
        """Read and check a file's text."""
        value, lines = load(text, file, "an engine file", needs="at least `store`")
        if not isinstance(value, dict):
            raise BadRequest(f"{file}: an engine file is a mapping; it begins with `store: …`.")
        try:
            settings = Settings.model_validate(_tuples(value))
        except ValidationError as error:
            first = _first(error.errors(include_url=False))
            where = _where(first["loc"], value)
            raise BadRequest(f"{place(file, lines, where)}: {_problem(first, where)}") from None
        found = cls(settings, file, folder or Path(), lines)
        check(found)
        return found

    def at(self, *where: str | int) -> str:
        """A place for an error message."""
        return place(self.file, self.lines, where)

    def open_store(self) -> Store:
        """The store that the file names; a folder is relative to the file. BadRequest where it names none."""
        named = self.settings.store
        if not named:
            raise BadRequest(f"{self.file}: names no store; add  store: s3://bucket/prefix.")
        try:
            return open_store(named if ":" in named else os.path.normpath(self.folder / named))
        except BadRequest as error:
            raise BadRequest(f"{self.at('store')}: {error}") from None

    # --- settings of a task ------------------------------------------------------------------------

    def pod(self, task: PlannedTask | None) -> Pod:
        """A task's pod, by the narrowest place that says each setting; None: of the core's own steps."""
        return pod_of(self, task)

    def secrets(self, task: PlannedTask | None) -> dict[str, SecretKey]:
        """Variables of a task's pod whose value a Secret holds; None: of the core's own steps."""
        stage = self.settings.stages.get(task.stage) if task else None
        return {**self.settings.secrets, **(stage.secrets if stage else {})}

    def image(self, task: PlannedTask) -> str:
        """The image that holds a task's family; BadRequest where none is named."""
        return self._image(task.family, f"which {task.id} ({task.stage} {task.plugin}) runs in")

    def core_image(self) -> str:
        """The image of the core's own steps."""
        return self._image(CORE, "which ends every run")

    def _image(self, family: str, why: str) -> str:
        named = self.settings.families.get(family)
        if named and named.image:
            return named.image
        if self.settings.images and (family == CORE or family.startswith(f"{CORE}-")):
            return self._own_image(family, self.settings.images.rstrip("/"))
        raise BadRequest(f"{self.at('families')}: no image for {family}, {why}; add  {family}: {{image: …}}.")

    def _own_image(self, family: str, below: str) -> str:
        name, digests = f"{CORE}-core" if family == CORE else family, self.settings.digests
        if not digests:
            return f"{below}/{name}:{version_of(family)}"
        if name not in digests:
            raise BadRequest(f"{self.at('digests')}: has none for {name}; add  {name}: sha256:….")
        return f"{below}/{name}@{digests[name]}"

    def workers(self, task: PlannedTask, *, here: bool = False) -> dict[str, Any]:
        """Settings of the engine that a task's work is spread by; {} for none. BadRequest for a wrong one.

        An engine that isn't installed is a mistake where the task runs `here`. Elsewhere its image or
        environment has it, and the task checks the options.
        """
        said = self.settings.curate
        if said is None or not task.configured.spreads:
            return {}
        settings: dict[str, Any] = said.model_dump(mode="json")
        if not here and said.engine not in catalog.curate_engines():
            return settings
        try:
            engine_of(settings)
        except OptionError as error:
            raise BadRequest(f"{self.at('curate', *error.where)}: {error.problem}") from None
        return settings

    def python(self, family: str) -> Path | None:
        """The interpreter of a family that has an environment of its own on this machine, or None."""
        named = self.settings.families.get(family)
        if not named or not named.python:
            return None
        return self._interpreter(named.python, "families", family, "python")

    def worker_python(self, family: str) -> Path:
        """The interpreter that an Airflow worker starts a family's tasks with."""
        named = self.settings.airflow.python
        everywhere = self._interpreter(named, "airflow", "python") if named else Path(sys.executable)
        return self.python(family) or everywhere

    def _interpreter(self, named: str, *where: str) -> Path:
        found = self.folder / named
        if not found.is_file():
            what = f"'{where[1]}[run]'" if where[0] == "families" else "slmworks[run] and the families"
            raise BadRequest(
                f"{self.at(*where)}: no such file; make the environment (python3 -m venv …) and install "
                f"{what} in it."
            )
        return found

    def deployer(self, model: str) -> "Deploy | None":
        """The deploy plugin that puts a model where it is served; None where none is named."""
        target = self.settings.deploy.get(model)
        if target is None:
            return None
        from slmworks.deploy.direct import deployer

        try:
            return deployer(target.uses, target.with_)
        except OptionError as error:
            where = self.at("deploy", model, "with", *error.where)
            raise BadRequest(f"{where}: {error.problem}") from None
        except BadRequest as error:
            raise BadRequest(f"{self.at('deploy', model, 'uses')}: {error}") from None

    def groups(self) -> dict[str, frozenset[str]]:
        """Group of reviewers -> the names of its users."""
        return {
            group: frozenset(user.name for user in self.members([group])) for group in self.settings.reviewers
        }

    def members(self, asked: Iterable[str]) -> list[Reviewer]:
        """The users that a recipe asks for approval: those of each group, and names that are no group's."""
        found: dict[str, Reviewer] = {}
        for name in asked:
            for one in self.settings.reviewers.get(name, (name,)):
                user = one if isinstance(one, Reviewer) else Reviewer(id=one, name=one)
                found.setdefault(user.id, user)
        return list(found.values())


def version_of(distribution: str) -> str:
    """The installed version of a distribution; BadRequest when it isn't installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        raise BadRequest(
            f"{distribution} is not installed here, so its image's version isn't known: "
            f"pip install {distribution}"
        ) from None


def engine_schema() -> dict[str, Any]:
    """The JSON schema of engine files, for editors."""
    schema = Settings.model_json_schema()
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **schema, "title": "slmworks engine file"}


def _tuples(value: Any) -> Any:
    """Lists as tuples, which strict fields want."""
    if isinstance(value, dict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return tuple(_tuples(inner) for inner in value) if isinstance(value, list) else value


def _first(errors: Sequence[Any]) -> Any:
    """The first error; where a text or a mapping may stand and there is a mapping, what is wrong in it."""
    first = errors[0]
    if first["type"] != "string_type" or not isinstance(first["input"], dict):
        return first
    *above, _ = first["loc"]
    beside = [one for one in errors[1:] if list(one["loc"][: len(above)]) == above]
    return min(beside, key=lambda one: bool(one["type"] != "extra_forbidden"), default=first)


def _where(loc: tuple[int | str, ...], value: Any) -> Where:
    """A place in the file, without pydantic's own `[key]` and the kinds of which a value may be one."""
    found: list[str | int] = []
    for number, part in enumerate(loc):
        is_key = isinstance(value, dict) and (part in value or number == len(loc) - 1)
        if part == "[key]" or not (is_key or isinstance(value, list)):
            continue
        found.append(part)
        value = value.get(part) if isinstance(value, dict) else value[int(part)]
    return tuple(found)


def _problem(error: Any, where: Where) -> str:
    if error["type"] == "extra_forbidden":
        return f"no such setting. {did_you_mean(str(where[-1]), _words(where[:-1]))}"
    if error["type"] == "missing":
        return "is needed."
    message = error["msg"].removeprefix("Value error, ").replace("String should match pattern", "must match")
    got = error["input"]
    private = {"secrets", "env"} & set(where)  # where people put what must not be repeated
    if isinstance(got, bool):
        got = str(got).lower()  # as YAML has it
    if error["type"] == "model_type":
        known = ", ".join(_words(where))
        message = f"must be a mapping of {known}" if known else "must be a mapping"
    shown = "" if private or isinstance(got, dict | tuple) else f", got {str(got)[:60]!r}"
    quotes = error["type"] == "string_type" and isinstance(error["input"], int | float)
    if quotes:
        hint = "; write it in quotes" + ("" if private else f": '{got}'")
    else:
        hint = "" if private else list_hint(error)
    return f"{message[0].lower()}{message[1:]}{shown}{hint}."


def _words(where: Where) -> list[str]:
    """The settings that there are at a place, as the file calls them."""
    kind: Any = Settings
    for part in where:
        fields = _settings(kind)
        if fields:
            kind = fields[str(part)]
        else:  # a mapping's value, or an item of a list
            kind = next(arg for arg in reversed(typing.get_args(_bare(kind))) if arg is not Ellipsis)
    return list(_settings(kind))


def _settings(kind: Any) -> dict[str, Any]:
    """Setting -> its type, for a part of the file or what may be one; empty for another type."""
    kind = _bare(kind)
    part = next((one for one in (kind, *typing.get_args(kind)) if _is_part(one)), None)
    if part is None or typing.get_origin(kind) in (dict, tuple):
        return {}
    return {field.alias or name: field.annotation for name, field in part.model_fields.items()}


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _bare(kind: Any) -> Any:
    """A type without what is annotated of it, and without None."""
    if typing.get_origin(kind) is typing.Annotated:
        return _bare(typing.get_args(kind)[0])
    some = [one for one in typing.get_args(kind) if one is not type(None)]
    return _bare(some[0]) if len(some) == 1 and type(None) in typing.get_args(kind) else kind
