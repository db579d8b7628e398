"""The licence that fetched files state themselves: a card's front matter, a licence file, a configuration.

It reads what is said and judges nothing: a publisher can be wrong, and a file can be about something else.
"""

import email.parser
import json
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

LARGEST = 1_000_000
"""Bytes of a file that is looked into."""
LONGEST = 120
"""Characters of a licence's name."""
_FRONT = re.compile(r"\A\ufeff?---\r?\n(.*?)\r?\n---\s*(?:\r?\n|\Z)", re.DOTALL)
_FILE = re.compile(r"(licen[cs]e|copying)(\.(md|txt|rst))?", re.IGNORECASE)
TEXTS = (
    ("apache-2.0", r"apache license\s+version 2\.0"),
    ("mit", r"permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("agpl-3.0", r"gnu affero general public license\s+version 3"),
    ("lgpl-3.0", r"gnu lesser general public license\s+version 3"),
    ("gpl-3.0", r"gnu general public license\s+version 3"),
    ("gpl-2.0", r"gnu general public license\s+version 2"),
    ("mpl-2.0", r"mozilla public license,?\s+version 2\.0"),
    ("bsd-3-clause", r"redistribution and use in source and binary forms.*neither the name"),
    ("bsd-2-clause", r"redistribution and use in source and binary forms"),
    ("cc-by-nc-sa-4.0", r"attribution-noncommercial-sharealike 4\.0 international"),
    ("cc-by-nc-4.0", r"attribution-noncommercial 4\.0 international"),
    ("cc-by-sa-4.0", r"attribution-sharealike 4\.0 international"),
    ("cc-by-4.0", r"attribution 4\.0 international"),
    ("cc0-1.0", r"cc0 1\.0 universal"),
)
"""Name -> what its text is known by, the narrower ones first."""
DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
    RuntimeError,  # encrypted, or packed by a method that zipfile doesn't know
)  # fmt: skip
"""What opening and reading an archive raises."""
UNKNOWN_TEXT = "a text of its own"
"""For a licence file that is none of the known ones."""

Read = Callable[[str], bytes | None]
"""Path -> content; None where it is gone."""


def licence_of(files: Iterable[tuple[str, int]], read: Read) -> tuple[str, str]:
    """Licence, and the name of the file that states it, of files (path, bytes); both empty where none does.

    A README's front matter (as Hugging Face reads it) before a licence file, before `license` in
    config.json; of several files of one kind the one nearest to the top.
    """
    small = sorted(
        (path for path, size in files if size <= LARGEST), key=lambda path: (path.count("/"), path)
    )
    for fits, stated in (
        (lambda name: name.lower() == "readme.md", _front_matter),
        (lambda name: _FILE.fullmatch(name) is not None, _known_text),
        (lambda name: name == "config.json", _configured),
    ):
        for path in small:
            name = PurePosixPath(path).name
            if fits(name) and (found := stated((read(path) or b"").decode("utf-8", "replace"))):
                return " ".join(found.split())[:LONGEST], name
    return "", ""


def licence_of_package(path: Path) -> str:
    """Licence in the metadata of a wheel or an sdist; empty where it states none, or is damaged."""
    try:
        metadata = _metadata(path)
    except DAMAGED:
        return ""
    text = email.parser.Parser().parsestr(metadata, headersonly=True)
    said = text.get("License-Expression") or text.get("License") or ""
    if not said.strip() or len(said) > LONGEST:  # some put the whole text there
        classified = (str(one) for one in text.get_all("Classifier", ()))
        named = [one.rpartition("::")[2].strip() for one in classified if one.startswith("License ::")]
        said = ", ".join(named)
    return " ".join(said.split())[:LONGEST]


def _metadata(path: Path) -> str:
    """The metadata file of a wheel or an sdist; empty where there is none."""
    if path.suffix in (".whl", ".zip"):
        ending = ".dist-info/METADATA" if path.suffix == ".whl" else "/PKG-INFO"
        with zipfile.ZipFile(path) as packed:
            held = {entry.filename: entry.file_size for entry in packed.infolist()}
            named = [one for one in held if one.count("/") == 1 and one.endswith(ending)]
            small = bool(named) and held[named[0]] <= LARGEST
            return packed.read(named[0]).decode("utf-8", "replace") if small else ""
    with tarfile.open(path) as sdist:
        for member in sdist:
            if member.isfile() and member.name.count("/") == 1 and member.name.endswith("/PKG-INFO"):
                file = sdist.extractfile(member) if member.size <= LARGEST else None
                return file.read().decode("utf-8", "replace") if file else ""
    return ""


def _front_matter(text: str) -> str:
    from ruamel.yaml import YAML

    found = _FRONT.match(text)
    if not found:
        return ""
    try:
        said: Any = YAML(typ="safe", pure=True).load(found[1])
    except Exception:  # noqa: BLE001 - besides YAMLError whatever int(), date() and deep nesting raise
        return ""
    if not isinstance(said, dict):
        return ""
    named = said.get("license")
    if named == "other":
        named = said.get("license_name") or named
    several = named if isinstance(named, list) else [named]
    return ", ".join(one for one in several if isinstance(one, str))


def _known_text(text: str) -> str:
    flat = " ".join(text.lower().split())
    if not flat:
        return ""
    return next((name for name, known in TEXTS if re.search(known, flat)), UNKNOWN_TEXT)


def _configured(text: str) -> str:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    named = said.get("license") if isinstance(said, dict) else None
    return named if isinstance(named, str) else ""
