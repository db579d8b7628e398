"""Compressed files, those made to fill memory or disk among them, and files that are another kind of file."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from slmworks.contract import swelling
from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench
from slmworks_text import workers
from slmworks_text.curate import CurateText
from slmworks_text.formats import read_rows
from slmworks_text.layout import Layout
from slmworks_text.streams import Meter

Curated = Callable[..., Dataset]

PACK = {
    "gz": gzip.compress,
    "zst": lambda content: pa.Codec("zstd").compress(content, asbytes=True),
    "xz": lzma.compress,
    "bz2": bz2.compress,
}
ROWS = b"text,label\n" + b"".join(b"word %d is here,%s\n" % (i, b"ab"[i % 2 : i % 2 + 1]) for i in range(40))


@pytest.mark.parametrize("ending", ["gz", "zst", "xz"])
def test_what_swells_beyond_reason_is_refused(curate: Curated, monkeypatch, ending: str) -> None:
    monkeypatch.setattr(swelling, "FREE", 10**6)
    swollen = PACK[ending](ROWS + b"same again,a\n" * 1_000_000)
    with pytest.raises(BadRequest, match=f"a.csv.{ending}: decompresses to more than 200 times its own size"):
        curate({"all": {f"a.csv.{ending}": swollen}})
    fine = curate({"all": {f"a.csv.{ending}": PACK[ending](ROWS)}})
    assert sum(len(fine.columns(split, "text")[0]) for split in fine.splits) == 40


@pytest.mark.parametrize("ending", [*PACK, "GZ", "XZ"])
def test_a_table_is_unpacked_by_its_ending(curate: Curated, ending: str) -> None:
    packed = PACK[ending.lower()](ROWS)
    data = curate({"all": {f"a.csv.{ending}": packed}})
    assert sum(len(data.columns(split, "text")[0]) for split in data.splits) == 40
    with pytest.raises(BadRequest, match=r"cannot be decompressed|decompresses to more|Error"):
        curate({"all": {f"a.csv.{ending}": packed[:-20]}})
    with pytest.raises(BadRequest, match="cannot be decompressed"):
        curate({"all": {f"a.csv.{ending}": ROWS}})


def archive() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("a.csv", ROWS)
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(ROWS), r"compressed with gzip \(\.gz\)"),
        (PACK["zst"](ROWS), "compressed with zstd"),
        (lzma.compress(ROWS), "compressed with xz"),
        (bz2.compress(ROWS), "compressed with bzip2"),
        (archive(), "a zip archive or a workbook of Excel"),
        (b"PAR1\x15\x04\x15", "Parquet"),
        (b"%PDF-1.7\n", "PDF"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"encoding": "latin-1"}, {"encoding": "utf-8-replace"}])
def test_what_is_no_text_is_not_read_as_text(
    curate: Curated, content: bytes, kind: str, options: dict
) -> None:
    with pytest.raises(BadRequest, match=rf"a\.csv: by its first bytes it is {kind}"):
        curate({"all": {"a.csv": content}}, columns=["text", "label"], **options)


def test_an_archive_is_fetched_from(curate: Curated) -> None:
    with pytest.raises(
        BadRequest, match=r"a\.zip: an archive; fetch what is in it: zip://NAME-IN-IT::a\.zip"
    ):
        curate({"all": {"a.zip": archive()}})


MANY = 20_000
"""Lines after which a byte is bad, or a file ends: behind what is read at once."""
LISTS = b'["some words here", "a"]\n' * MANY
ODD = (
    b'{"text": "some words here", "label": "a", "\xc3\xbc": 1}\n' * MANY
)  # no line is matched, all are parsed
ALIKE = b'{"text": "some words here", "label": "a"}\n' * MANY
LATE = {
    "lines": ("a.txt", b"some words here\n" * MANY, {"format": "lines", "model_task": "text-generation"}),
    "lists": ("a.jsonl", LISTS, {"columns": ("text", "label")}),
    "odd": ("a.jsonl", ODD, {}),
    "alike": ("a.jsonl", ALIKE, {}),
    "csv": ("a.csv", b"text,label\n" + b"some words here,a\n" * MANY, {}),
}


def rows_of(path: Path, options: dict[str, Any]) -> int:
    layout = Layout(format=options.get("format"), columns=options.get("columns"))
    wanted = [("text", "text")] if path.name.startswith("a.txt") else [("text", "text"), ("label", "label")]
    return len(list(read_rows(path, layout, wanted, Meter(0), shown=path.name, warn=print)))


@pytest.mark.parametrize("form", LATE)
def test_a_bad_byte_far_behind_is_named_by_its_line(tmp_path: Path, form: str) -> None:
    name, content, options = LATE[form]
    path = tmp_path / name
    path.write_bytes(content)
    assert rows_of(path, options) == MANY
    path.write_bytes(content + b"bad \xff\n")
    line = content.count(b"\n") + 1
    with pytest.raises(BadRequest, match=rf"{name}:{line}: byte \d+ \(0xff\) is not utf-8"):
        rows_of(path, options)


@pytest.mark.parametrize("form", LATE)
def test_a_compressed_file_that_is_cut_short_is_named(tmp_path: Path, form: str) -> None:
    name, content, options = LATE[form]
    path = tmp_path / f"{name}.gz"
    noise = np.random.default_rng(0).bytes(400_000).hex().encode()  # what gzip can't pack away
    packed = gzip.compress(content + noise + b"\n")
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(BadRequest, match="cannot be decompressed .*; damaged, cut short"):
        rows_of(path, options)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("form", ["lists", "odd", "alike"])
def test_a_curation_says_it_too(
    tmp_path: Path, form: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, content, options = LATE[form]
    monkeypatch.setattr(workers, "LARGE", 0)
    (tmp_path / "raw" / "all").mkdir(parents=True)
    (tmp_path / "raw" / "all" / name).write_bytes(content.replace(b'"a"', b'"b"', 9) + b"bad \xff\n")
    task = Bench(tmp_path / "bench").task("curate", threads=threads)
    with pytest.raises(BadRequest, match=rf"{name}:{MANY + 1}: byte \d+ \(0xff\) is not utf-8"):
        CurateText(**options).run(data=Files(path=tmp_path / "raw"), task=task)
