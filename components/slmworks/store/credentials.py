"""Who we are towards S3: the environment, then a profile with plain keys in AWS's own files.

What is found goes to the client and nowhere else. Roles of pods and machines (web identity, container
and instance credentials) are the client's business and need nothing from here.
"""

import configparser
import os
from pathlib import Path

from slmworks.contract.errors import BadRequest

_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_ROLES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
          "AWS_CONTAINER_CREDENTIALS_FULL_URI")  # fmt: skip


def from_profile() -> dict[str, str]:
    """Keys, region and endpoint of the profile that applies; empty when the environment has its own.

    BadRequest when AWS_PROFILE names one that holds no plain keys (single sign-on, an assumed role).
    """
    name = os.environ.get("AWS_PROFILE", "")
    if os.environ.get("AWS_ACCESS_KEY_ID") or (not name and any(role in os.environ for role in _ROLES)):
        return {}
    keys = _section("AWS_SHARED_CREDENTIALS_FILE", "credentials", name or "default")
    settings = _section("AWS_CONFIG_FILE", "config", f"profile {name}" if name else "default")
    both = {**settings, **keys}
    if name and _KEYS[0] not in both:
        raise BadRequest(
            f"AWS_PROFILE={name}: this profile holds no access keys; put them into the environment: "
            'eval "$(aws configure export-credentials --format env)".'
        )
    found = {key: both[key] for key in _KEYS if key in both}
    for setting, variables in (
        ("region", ("AWS_REGION", "AWS_DEFAULT_REGION")),
        ("endpoint_url", ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")),
    ):
        if setting in both and not any(os.environ.get(variable) for variable in variables):
            found["endpoint" if setting == "endpoint_url" else setting] = both[setting]
    return found


def _section(variable: str, name: str, section: str) -> dict[str, str]:
    path = Path(os.environ.get(variable) or Path.home() / ".aws" / name)
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):  # its text could be a secret: not repeated
        raise BadRequest(f"{path}: cannot be read as AWS's {name} file; correct it.") from None
    return dict(parser[section]) if parser.has_section(section) else {}
