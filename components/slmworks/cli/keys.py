"""Options for the keys of the approval log, by reference: a file, named here or by a variable.

The value goes where the variable would have put it: the process and what it starts look nowhere else.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from slmworks.registry.signatures import SIGNING, TRUSTED

F = TypeVar("F", bound=Callable[..., Any])


def _into(variable: str) -> Any:
    def keep(_context: click.Context, _option: click.Parameter, value: str | None) -> None:
        if value is not None:
            os.environ[variable] = value

    return keep


def _key_option(flag: str, variable: str, what: str) -> Callable[[F], F]:
    said = f"{what} [env: {variable}]"
    return click.option(flag, metavar="FILE", expose_value=False, callback=_into(variable), help=said)


signing_key_option = _key_option(
    "--signing-key", SIGNING, "Sign the entry with this private Ed25519 key (PEM)."
)
trusted_keys_option = _key_option(
    "--trusted-keys", TRUSTED, "Only what one of these public Ed25519 keys (PEM) has signed as approved."
)
