"""Places of a command: engine file, store, MLflow and Kubeflow, by the options that most commands share."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from slmworks.engines.engine_file import EngineFile
    from slmworks.store import Store

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = {
    "engine_path": click.option(
        "--engine-file",
        "engine_path",
        envvar="SLMWORKS_ENGINE_FILE",
        help="Settings of this environment: images, resources, store, … [env: SLMWORKS_ENGINE_FILE]",
    ),
    "host": click.option(
        "--host",
        envvar="KF_PIPELINES_ENDPOINT",
        help="Address of Kubeflow Pipelines; default: the engine file's. [env: KF_PIPELINES_ENDPOINT]",
    ),
    "store_url": click.option(
        "--store",
        "store_url",
        default=".slmworks",
        envvar="SLMWORKS_STORE",
        show_default=True,
        help="Folder or s3://bucket/prefix of artifacts, records and the registry. [env: SLMWORKS_STORE]",
    ),
    "tracking": click.option(
        "--tracking",
        default="",
        envvar="SLMWORKS_TRACKING",
        help="MLflow tracking URI, or 'none'. Default: SQLite beside the store. [env: SLMWORKS_TRACKING]",
    ),
}
"""Field of `Places` -> its option."""

orchestrator_option = click.option(
    "--orchestrator",
    default="",
    metavar="NAME",
    help="What runs it (airflow), where no engine of ours watches and keeps the run's record.",
)


@dataclass(frozen=True)
class Places:
    """The engine file, store, MLflow and Kubeflow that a command line names."""

    engine_path: str | None = None
    store_url: str = ""
    tracking: str = ""
    host: str | None = None
    """Address of Kubeflow Pipelines."""

    @functools.cached_property
    def engine(self) -> "EngineFile":
        """The engine file; an empty one if none is named."""
        from slmworks.engines.engine_file import EngineFile

        return EngineFile.read(self.engine_path) if self.engine_path else EngineFile()

    @functools.cached_property
    def store(self) -> "Store":
        """The store: `--store` or its variable, else the engine file's, else the default."""
        from slmworks.store import open_store

        if self.engine_path and self._is_default and self.engine.settings.store:
            return self.engine.open_store()
        return open_store(self.store_url)

    @property
    def _is_default(self) -> bool:
        source = click.get_current_context().get_parameter_source("store_url")
        return source is click.core.ParameterSource.DEFAULT

    def shared_store(self) -> "Store":
        """The store, which a cluster must see: a bucket, or a folder on a volume of every pod."""
        from slmworks.contract.errors import BadRequest

        settings = self.engine.settings
        if self._is_default and not settings.store:
            raise BadRequest(
                f"{self.engine.file}: names no store, and a cluster doesn't see this machine's "
                f"{self.store_url}; add  store: s3://bucket/prefix  to the engine file, or give --store."
            )
        store = self.store
        on_disk = str(store) == str(store.root)
        everywhere = (*settings.volumes, *(settings.defaults.volumes or ()))
        shared = [volume.path for volume in everywhere if volume.claim]
        if on_disk and not any(map(store.root.is_relative_to, shared)):
            raise BadRequest(
                f"store {store}: pods don't see this machine's folders; give a bucket (s3://…), or mount the "
                "same folder in every pod:  volumes: [{claim: …, path: …}]  in the engine file."
            )
        return store

    @property
    def tracking_uri(self) -> str:
        """MLflow's address: `--tracking` or its variable, else the engine file's; empty for none.

        The default is SQLite in the store's folder on this machine. For a store in a bucket that is a copy:
        `slmworks lineage sync` makes it anew from the records.
        """
        of_file = self.engine.settings.tracking if self.engine_path else ""
        named = self.tracking or of_file or os.environ.get("MLFLOW_TRACKING_URI", "")
        if named == "none":
            return ""
        return named or f"sqlite:///{self.store.root / 'mlflow.db'}"

    def again(self) -> str:
        """The --engine-file and --store given here, to repeat in the suggested next command."""
        here = click.get_current_context()
        given = {"engine_path": "--engine-file", "store_url": "--store"}
        command_line = click.core.ParameterSource.COMMANDLINE
        words = [
            f" {option} {here.params[name]}"
            for name, option in given.items()
            if here.get_parameter_source(name) is command_line
        ]
        return "".join(words)


def with_places(*, store: bool = True, tracking: bool = False, kubeflow: bool = False) -> Callable[[F], F]:
    """Add the options of a command's places; the command is called with `places`."""
    asked = {"engine_path": True, "host": kubeflow, "store_url": store, "tracking": tracking}
    names = [name for name, wanted in asked.items() if wanted]

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def called(*args: Any, **given: Any) -> Any:
            places = Places(**{name: given.pop(name) for name in names})
            return command(*args, places=places, **given)

        for name in reversed(names):
            OPTIONS[name](called)
        return called  # type: ignore[return-value]

    return decorate
