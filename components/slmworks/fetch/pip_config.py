"""Where pip would look for packages on this machine: its own configuration, read and never repeated.

Whoever mirrors packages can then serve models and data sets too. Host names stay out of manifests and
logs: they can hold credentials and say nothing about the bytes.
"""

import configparser
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slmworks.contract.errors import BadRequest

PYPI = "https://pypi.org/simple/"


@dataclass(frozen=True)
class PipConfig:
    """The part of pip's configuration that finds packages."""

    indexes: tuple[str, ...] = (PYPI,)
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    cert: str = ""
    """Bundle of certificates to trust; empty: the usual ones."""


def read_pip_config(environ: Mapping[str, str] = os.environ) -> PipConfig:
    """What pip was told: global, user and site `pip.conf`, `PIP_CONFIG_FILE`, then `PIP_*` variables."""
    settings: dict[str, str] = {}
    for path in config_files(environ):
        settings |= _section(path)
    for key in ("index-url", "extra-index-url", "find-links", "trusted-host", "cert", "no-index"):
        value = environ.get("PIP_" + key.upper().replace("-", "_"))
        if value:
            settings[key] = value
    no_index = settings.get("no-index", "").lower() in ("1", "true", "yes", "on")
    indexes = [settings.get("index-url", PYPI), *settings.get("extra-index-url", "").split()]
    return PipConfig(
        indexes=() if no_index else tuple(indexes),
        find_links=tuple(settings.get("find-links", "").split()),
        trusted_hosts=tuple(settings.get("trusted-host", "").split()),
        cert=settings.get("cert", ""),
    )


def config_files(environ: Mapping[str, str]) -> list[Path]:
    """The files that pip reads, the weakest first (Linux and macOS)."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    home = Path(environ.get("HOME") or Path.home())
    wide = [Path(place, "pip", "pip.conf") for place in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")]
    user = [
        home / ".pip" / "pip.conf",
        Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "pip", "pip.conf"),
    ]
    if sys.platform == "darwin":
        wide = [Path("/Library/Application Support/pip/pip.conf")]
        user.append(home / "Library" / "Application Support" / "pip" / "pip.conf")
    files = [*wide, Path("/etc/pip.conf"), *user, Path(sys.prefix, "pip.conf")]
    return [*files, Path(named)] if named else files


def _section(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):  # its text quotes the line, which can hold a password
        raise BadRequest(f"{path}: cannot be read as pip's configuration; correct it.") from None
    found: dict[str, str] = {}
    for section in ("global", "install", "download"):
        if parser.has_section(section):
            found |= {key.replace("_", "-"): value for key, value in parser.items(section)}
    return found
