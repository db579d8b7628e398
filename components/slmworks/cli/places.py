"""Where things are: the options that most commands share."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from slmworks.engines.engine_file import EngineFile
    from slmworks.store import Store

F = TypeVar("F", bound=Callable[..., Any])


def store_option(command: F) -> F:
    """`--store`."""
    return click.option(
        "--store",
        "store_url",
        default=".slmworks",
        envvar="SLMWORKS_STORE",
        show_default=True,
        help="Folder or s3://bucket/prefix of artifacts, records and the registry. [env: SLMWORKS_STORE]",
    )(command)


def tracking_option(command: F) -> F:
    """`--tracking`."""
    return click.option(
        "--tracking",
        default="",
        envvar="SLMWORKS_TRACKING",
        help="MLflow tracking URI, or 'none'. Default: SQLite beside the store. [env: SLMWORKS_TRACKING]",
    )(command)


def engine_file_option(command: F) -> F:
    """`--engine-file`."""
    return click.option(
        "--engine-file",
        "engine_path",
        envvar="SLMWORKS_ENGINE_FILE",
        help="Settings of this environment: images, resources, store, … [env: SLMWORKS_ENGINE_FILE]",
    )(command)


orchestrator_option = click.option(
    "--orchestrator",
    default="",
    metavar="NAME",
    help="What runs it (airflow), where no engine of ours watches and keeps the run's record.",
)

host_option = click.option(
    "--host",
    envvar="KF_PIPELINES_ENDPOINT",
    help="Address of Kubeflow Pipelines; default: the engine file's. [env: KF_PIPELINES_ENDPOINT]",
)


def engine_of(path: str | None) -> "EngineFile":
    """The engine file that is meant; without one, the one that says nothing."""
    from slmworks.engines.engine_file import EngineFile

    return EngineFile.read(path) if path else EngineFile()


def chosen_store(store_url: str, engine: "EngineFile", *, shared: bool = False) -> "Store":
    """The store that is meant: `--store` or its variable, else the engine file's, else the default.

    With `shared` it must be one that a cluster sees: a bucket, or a folder on a volume of every pod.
    """
    from slmworks.contract.errors import BadRequest
    from slmworks.store import open_store

    source = click.get_current_context().get_parameter_source("store_url")
    default = source is click.core.ParameterSource.DEFAULT
    if default and shared and not engine.settings.store:
        raise BadRequest(
            f"{engine.file}: names no store, and a cluster doesn't see this machine's {store_url}; "
            "add  store: s3://bucket/prefix  to the engine file, or give --store."
        )
    store = engine.open_store() if default and engine.settings.store else open_store(store_url)
    if shared and str(store) == str(store.root):
        mounted = [volume.path for volume in engine.settings.volumes]
        if not any(store.root.is_relative_to(path) for path in mounted):
            raise BadRequest(
                f"store {store}: pods don't see this machine's folders; give a bucket (s3://…), or mount the "
                "same folder in every pod:  volumes: [{claim: …, path: …}]  in the engine file."
            )
    return store


def the_store(store_url: str, engine_path: str | None) -> "Store":
    """The store of a command that needs nothing else of the engine file."""
    return chosen_store(store_url, engine_of(engine_path))


def same_places() -> str:
    """The options of this command that say where things are, for a command to type next."""
    here = click.get_current_context()
    given = {"engine_path": "--engine-file", "store_url": "--store"}
    command_line = click.core.ParameterSource.COMMANDLINE
    words = [
        f" {option} {here.params[name]}"
        for name, option in given.items()
        if here.get_parameter_source(name) is command_line
    ]
    return "".join(words)


def tracking_uri(store: "Store", tracking: str) -> str:
    """The tracking URI that is meant; empty for none.

    The default is SQLite in the store's folder on this machine. For a store in a bucket that is a copy:
    `slmworks lineage sync` makes it anew from the records.
    """
    if tracking == "none":
        return ""
    return tracking or os.environ.get("MLFLOW_TRACKING_URI", "") or f"sqlite:///{store.root / 'mlflow.db'}"
