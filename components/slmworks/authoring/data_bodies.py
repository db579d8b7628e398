"""Parts of the skeletons of stages that make data: fetch, curate."""

from slmworks.authoring.body import Body

FETCH = Body(
    description="Bring in files of this machine.",
    promise="Copy the files of each source; BadRequest for a source that lies elsewhere.",
    run="""\
        for name, source in sources.items():
            if source.kind != "local":
                raise BadRequest(f"from.{name}: {source.label} is elsewhere; fetch it with the plugin files.")
            for relative, file in source.files().items():
                target = task.output / name / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        return Files(path=task.output)
""",
    test='''\
"""Local files come in, others are refused."""

from pathlib import Path

import pytest
from slmworks import BadRequest, Source
from slmworks.testing import Bench

from $package.$stage import $cls


def test_it_copies_local_files(tmp_path: Path) -> None:
    """A source's files lie in a folder of its name."""
    (tmp_path / "rows.csv").write_text("text,label\\n")
    sources = {"train": Source.parse("rows.csv", folder=tmp_path)}
    plugin = $cls()
    made = plugin.run(sources=sources, task=Bench(tmp_path).task("run"))
    assert (made.folder("train") / "rows.csv").read_text() == "text,label\\n"


def test_it_refuses_what_lies_elsewhere(tmp_path: Path) -> None:
    """The message says which plugin can fetch it."""
    sources = {"train": Source.parse("https://example.org/rows.csv", folder=tmp_path)}
    plugin = $cls()
    with pytest.raises(BadRequest, match="the plugin files"):
        plugin.run(sources=sources, task=Bench(tmp_path).task("run"))
''',
    fields="    deterministic: ClassVar = True\n",
    imports=("import shutil", "from collections.abc import Mapping", "from typing import ClassVar"),
    ours=("BadRequest", "Source"),
)

CURATE = Body(
    description="Turn CSV files of labelled texts into the splits that they are called after.",
    promise="Write a Parquet file for each split, and `card.json`; BadRequest for a split without rows.",
    run="""\
        import pyarrow as pa
        import pyarrow.parquet as pq

        counts, labels = {}, set()
        for split in ("train", "validation", "test"):
            rows = []
            for file in sorted(data.path.glob(f"{split}/*.csv")):
                with file.open(newline="", encoding="utf-8") as lines:
                    rows += [(row[self.text], row[self.label]) for row in csv.DictReader(lines)]
            if not rows:
                raise BadRequest(f"no rows for the split '{split}'; give the fetch step `{split}: rows.csv`.")
            columns = {
                "id": [f"{split}-{number}" for number in range(len(rows))],
                "source": [split] * len(rows),
                "text": [text for text, _ in rows],
                "label": [label for _, label in rows],
            }
            pq.write_table(pa.table(columns), task.output / f"{split}.parquet")
            counts[split] = {"rows": len(rows)}
            labels.update(columns["label"])
        total = sum(count["rows"] for count in counts.values())
        card = {"rows": {"in": total, "out": total}, "labels": sorted(labels), "splits": counts}
        (task.output / "card.json").write_text(json.dumps(card, indent=1) + "\\n", encoding="utf-8")
        meta = {"task": "text-classification", "labels": sorted(labels)}
        return Dataset(path=task.output, meta=meta, summary={"rows": total})
""",
    test='''\
"""Splits hold the rows of their files."""

from pathlib import Path

import pytest
from slmworks import BadRequest, Files
from slmworks.testing import Bench

from $package.$stage import $cls

ROWS = "text,label\\nIt works.,good\\nIt broke.,bad\\n"


def files(folder: Path, *splits: str) -> Files:
    """The same two rows for each split."""
    for split in splits:
        (folder / "files" / split).mkdir(parents=True)
        (folder / "files" / split / "rows.csv").write_text(ROWS)
    return Files(path=folder / "files")


def test_each_file_becomes_a_split(tmp_path: Path) -> None:
    """Texts and labels are those of the file."""
    data = files(tmp_path, "train", "validation", "test")
    plugin = $cls()
    made = plugin.run(data=data, task=Bench(tmp_path).task("run"))
    assert made.splits == ("test", "train", "validation")
    assert made.columns("train", "text", "label") == [["It works.", "It broke."], ["good", "bad"]]
    assert made.meta["labels"] == ["bad", "good"]


def test_a_missing_split_is_refused(tmp_path: Path) -> None:
    """The message names the split."""
    plugin = $cls()
    given = files(tmp_path, "train", "test")
    with pytest.raises(BadRequest, match="'validation'"):
        plugin.run(data=given, task=Bench(tmp_path).task("run"))
''',
    fields='''\
    makes_model_task: ClassVar = "text-classification"
    deterministic: ClassVar = True
    depends_on: ClassVar = ("pyarrow",)

    text: str = "text"
    """Column of the text."""
    label: str = "label"
    """Column of the label."""
''',
    imports=("import csv", "import json", "from typing import ClassVar"),
    ours=("BadRequest",),
    requires=("pyarrow>=18",),
    leaves_out=("seeds", "teacher", "student", "embedder", "judge"),
)
