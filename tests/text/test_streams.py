"""Compressed files, those made to fill memory or disk among them, and files that are another kind of file."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pytest

from slmworks.contract import swelling
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest

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
