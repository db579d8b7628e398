"""Compressed files that are made to fill memory or disk."""

import gzip
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
}
ROWS = b"text,label\n" + b"".join(b"word %d is here,%s\n" % (i, b"ab"[i % 2 : i % 2 + 1]) for i in range(40))


@pytest.mark.parametrize("ending", PACK)
def test_what_swells_beyond_reason_is_refused(curate: Curated, monkeypatch, ending: str) -> None:
    monkeypatch.setattr(swelling, "FREE", 10**6)
    swollen = PACK[ending](ROWS + b"same again,a\n" * 1_000_000)
    with pytest.raises(BadRequest, match=f"a.csv.{ending}: decompresses to more than 200 times its own size"):
        curate({"all": {f"a.csv.{ending}": swollen}})
    fine = curate({"all": {f"a.csv.{ending}": PACK[ending](ROWS)}})
    assert sum(len(fine.columns(split, "text")[0]) for split in fine.splits) == 40
