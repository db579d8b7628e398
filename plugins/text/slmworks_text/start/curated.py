"""A curation in a temporary folder: what it keeps, drops and warns of, before any recipe is run."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.catalog import plugin
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import configure
from slmworks.contract.stage import Task

STAGE = "curate"


@contextmanager
def curated(uses: str, files: Mapping[str, Path], options: Mapping[str, Any]) -> Iterator[Dataset]:
    """The data set that a plugin of this family makes of files (input name -> path); gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="slmworks-") as made:
        folder = Path(made)
        for part in ("output", "scratch"):
            (folder / part).mkdir()
        for name, path in files.items():
            (folder / "files" / name).mkdir(parents=True)
            (folder / "files" / name / path.name).symlink_to(path.resolve())
        chosen = configure(plugin(STAGE, uses).load(), uses, options)
        task = Task(output=folder / "output", scratch=folder / "scratch")
        yield chosen.run(data=Files(path=folder / "files"), task=task)  # type: ignore[attr-defined]


def card_of(data: Dataset) -> dict[str, Any]:
    """The data set's card; BadRequest where its plugin wrote none."""
    try:
        found = json.loads((data.path / "card.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadRequest("the curation wrote no card.json; only those of this family can be shown.") from None
    return dict(found)
