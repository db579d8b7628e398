"""A curation on an engine and on none, and its bytes: for tests and measurements of engines."""

import hashlib
import json
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from slmworks.contract.artifact import Files
from slmworks.contract.stage import Task
from slmworks.contract.workers import Workers, engine_of
from slmworks_text.curate import CurateText

Options = Mapping[str, Any]


def make_rows(folder: Path, count: int) -> Path:
    """A folder with one input, in two files: texts with duplicates, near duplicates and addresses."""
    draw = random.Random(0)
    words = [f"word{number}" for number in range(3_000)]
    (folder / "all").mkdir(parents=True)
    long = ""
    for name, rows in (("a.jsonl", count * 2 // 3), ("b.jsonl", count - count * 2 // 3)):
        with (folder / "all" / name).open("w", encoding="utf-8") as file:
            for number in range(rows):
                text = " ".join(draw.choices(words, k=draw.randint(1, 25)))
                if number % 20 == 7:
                    text = f"{long} {text.split()[0]}"
                elif number % 50 == 9:
                    text = long
                elif number % 60 == 11:
                    text += f" write to {text.split()[0]}@example.com"
                elif text.count(" ") > 18:
                    long = text
                file.write(json.dumps({"text": text, "label": f"label {number % 12}"}) + "\n")
    return folder


def curated(
    raw: Path,
    options: Options,
    settings: Options | None = None,
    listen: Callable[[dict[str, Any]], None] = lambda _event: None,
) -> str:
    """Digest of all files that a curation of `raw` writes; `settings`: of an engine, as an engine file has them."""

    def started(scratch: Path) -> AbstractContextManager[Workers]:
        return engine_of(settings or {}).start("curate", scratch)

    with TemporaryDirectory() as name:
        output, scratch = Path(name) / "output", Path(name) / "scratch"
        output.mkdir()
        scratch.mkdir()
        task = Task(output=output, scratch=scratch, emit=listen, workers_of=started if settings else None)
        plugin = CurateText.model_validate_json(json.dumps(options))
        plugin.run(data=Files(path=raw), task=task)
        found = hashlib.sha256()
        for path in sorted(output.iterdir()):
            found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
