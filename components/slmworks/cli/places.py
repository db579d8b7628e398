"""Where things are: the options that most commands share."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
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


def tracking_uri(store: "Store", tracking: str) -> str:
    """The tracking URI that is meant; empty for none.

    The default is SQLite in the store's folder on this machine. For a store in a bucket that is a copy:
    `slmworks lineage sync` makes it anew from the records.
    """
    if tracking == "none":
        return ""
    return tracking or os.environ.get("MLFLOW_TRACKING_URI", "") or f"sqlite:///{store.root / 'mlflow.db'}"
