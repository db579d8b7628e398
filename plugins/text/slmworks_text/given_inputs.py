"""Inputs of a curation by name: unknown ones, their files and licences, shares of the pool."""

from collections.abc import Iterable, Mapping
from typing import Any

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks_text.reading import paths_of


def refuse_unknown(data: Files, options: Mapping[str, Iterable[str]]) -> None:
    """BadRequest for an option (name -> names of inputs) that names an input which isn't there."""
    for option, names in options.items():
        for name in names:
            if name not in data.names:
                raise BadRequest(f"with.{option}: no input named '{name}'. {did_you_mean(name, data.names)}")


def declared(data: Files, names: Iterable[str], licence: str, licences: Mapping[str, str]) -> dict[str, Any]:
    """A card's part about these inputs: their files, and licences as declared."""
    paths = {name: (data.folder(name), paths_of(data.folder(name))) for name in names}
    files = {
        name: {"files": [path.relative_to(folder).as_posix() for path in found]}
        for name, (folder, found) in paths.items()
    }
    return {
        "inputs": files,
        "licence": licence,
        "licences": {name: licences.get(name, licence) or None for name in paths},
    }


def shares_of(data: Files, *, validation: float, test: float) -> dict[str, float]:
    """Split -> share of the pool, for the splits that must be taken from it."""
    taken = {"validation": validation, "test": test}
    shares = {split: share for split, share in taken.items() if split not in data.names}
    if sum(shares.values()) >= 1:
        raise BadRequest("with: validation and test together leave nothing for train; lower one of them.")
    return {"train": 1 - sum(shares.values()), **shares}
