"""Files of a model in the folder of another one that has them, too."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from slmworks.contract.artifact import HEADER


def hand_on(source: Path, target: Path, *, without: Sequence[str] = ()) -> None:
    """A model's files in another folder: linked, so that they take no second place, or copied.

    Its header is left out. `without`: files and folders that are written anew.
    """
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if not path.is_file() or name.parts[0] in (HEADER, *without):
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target / name)
        except OSError:  # another disk, or a file of somebody else's
            shutil.copyfile(path, target / name)
