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


def engine_of(path: str | None) -> "EngineFile":
    """The engine file that is meant; without one, the one that says nothing."""
    from slmworks.engines.engine_file import EngineFile

    return EngineFile.read(path) if path else EngineFile()


def chosen_store(store_url: str, engine: "EngineFile", *, shared: bool = False) -> "Store":
    """The store that is meant: `--store` or its variable, else the engine file's, else the default.

    With `shared` there is no default: a cluster doesn't see this folder's `.slmworks`.
    """
    from slmworks.errors import BadRequest
    from slmworks.store import open_store

    source = click.get_current_context().get_parameter_source("store_url")
    if source is not click.core.ParameterSource.DEFAULT:
        return open_store(store_url)
    if engine.settings.store:
        return engine.open_store()
    if shared:
        raise BadRequest(
            f"{engine.file}: names no store, and a cluster doesn't see this machine's {store_url}; "
            "add  store: s3://bucket/prefix  to the engine file, or give --store."
        )
    return open_store(store_url)


def tracking_uri(store: "Store", tracking: str) -> str:
    """The tracking URI that is meant; empty for none.

    The default is SQLite in the store's folder on this machine. For a store in a bucket that is a copy:
    `slmworks lineage sync` makes it anew from the records.
    """
    if tracking == "none":
        return ""
    return tracking or os.environ.get("MLFLOW_TRACKING_URI", "") or f"sqlite:///{store.root / 'mlflow.db'}"
