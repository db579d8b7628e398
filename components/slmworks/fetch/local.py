"""Files on this machine: one file, a glob, or a folder."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from slmworks.contract.artifact import PICKLES
from slmworks.contract.errors import BadRequest
from slmworks.fetch.pattern import MANY, Pattern


def listing(location: str) -> dict[str, Path]:
    """Path relative to the root -> file, sorted; the root is the folder, or a glob's part before wildcards.

    Hidden files and folders (`.git`, `.DS_Store`) are left out unless they are named.
    """
    path = Path(location)
    if path.is_file():
        return {path.name: path}
    if path.is_dir():
        found = _visible(path)
        refuse_pickles(found)
        return found
    root = Path(fixed_part(location) or "/")
    pattern = Path(location).relative_to(root).as_posix()
    if any(MANY in part and part != MANY for part in pattern.split("/")):
        raise BadRequest(f"{pattern}: not a pattern; ** stands alone between slashes, as in data/**/*.csv.")
    wanted = Pattern(pattern)
    named = dict(_matching(root, "", wanted, wanted.start))
    return {name: named[name] for name in sorted(named) if "/." in f"/{pattern}" or not hidden(name)}


def hidden(name: str) -> bool:
    """Whether a file, or a folder it lies in, begins with a dot."""
    return any(part.startswith(".") for part in name.split("/"))


def fixed_part(pattern: str) -> str:
    """The folders of a glob before its first wildcard: `a/b/*.txt` -> `a/b`."""
    parts = pattern.split("/")
    fixed = next(i for i, part in enumerate([*parts, "*"]) if glob.has_magic(part))
    return "/".join(parts[: min(fixed, len(parts) - 1)])


def refuse_pickles(files: dict[str, Path]) -> None:
    """BadRequest for a model folder whose only weights are pickles, which can run code when loaded."""
    for name in (name for name in files if name.rsplit("/", 1)[-1] == "config.json"):
        folder = name.rpartition("/")[0]
        beside = [other for other in files if other.rpartition("/")[0] == folder]
        pickles = [other for other in beside if other.endswith(PICKLES)]
        if pickles and not any(other.endswith(".safetensors") for other in beside):
            raise BadRequest(
                f"{pickles[0]} is a pickle, which can run code when it is loaded; "
                "convert the weights to model.safetensors."
            )


def _visible(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for where, folders, names in os.walk(folder, followlinks=False, onerror=_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(where, name)
            if not name.startswith(".") and path.is_file():
                found[path.relative_to(folder).as_posix()] = path
    return dict(sorted(found.items()))


def _matching(
    folder: Path, prefix: str, wanted: Pattern, places: Iterable[int]
) -> Iterator[tuple[str, Path]]:
    """(Path relative to the root, file) of what the pattern means, in the folders that it can reach."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # one of many folders below a pattern, as with any shell's
        return
    for entry in entries:
        after = wanted.after(places, entry.name, into_link=entry.is_symlink())
        if after and entry.is_dir():
            yield from _matching(Path(entry.path), f"{prefix}{entry.name}/", wanted, after)
        elif wanted.complete(wanted.after(places, entry.name)) and entry.is_file():
            yield prefix + entry.name, Path(entry.path)


def _unreadable(error: OSError) -> None:
    raise BadRequest(f"{error.filename}: cannot be read ({error.strerror}); give this user the right to.")
