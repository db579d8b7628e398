"""Options for the keys of the approval log, by reference: a file, named here or by a variable.

The value goes where the variable would have put it: the process and what it starts look nowhere else.
"""

import os
from typing import Any

import click

from slmworks.registry.signatures import SIGNING, TRUSTED


def _into(variable: str) -> Any:
    def keep(_context: click.Context, _option: click.Parameter, value: str | None) -> None:
        if value is not None:
            os.environ[variable] = value

    return keep


signing_key_option = click.option(
    "--signing-key",
    metavar="FILE",
    expose_value=False,
    callback=_into(SIGNING),
    help=f"Sign the entry with this private Ed25519 key (PEM). [env: {SIGNING}]",
)
trusted_keys_option = click.option(
    "--trusted-keys",
    metavar="FILE",
    expose_value=False,
    callback=_into(TRUSTED),
    help=f"Only what one of these public Ed25519 keys (PEM) has signed as approved. [env: {TRUSTED}]",
)
