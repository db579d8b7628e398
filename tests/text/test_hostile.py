"""Files that nobody would call data: one line each, the good rows kept or none, and memory as ever."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks_text import streams

WIDE = 10_000
ROWS = [(f"what is the state of order number {i} of mine", "ab"[i % 2]) for i in range(60)]
MEGABYTE = 1 << 20

CURATE = """
import sys
from pathlib import Path
from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench
from slmworks_text.curate import CurateText
folder = Path(sys.argv[1])
task = Bench(folder / "bench").task("curate")
try:
    CurateText(near_duplicates=None).run(data=Files(path=folder / "in"), task=task)
except BadRequest as error:
    print(error)
status = Path("/proc/self/status").read_text()  # ru_maxrss would carry the parent's over
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


def wide_csv() -> bytes:
    head = ",".join(["text", "label", *(f"c{i}" for i in range(WIDE))])
    return "\n".join([head, *(f"{text},{label}" + ",1" * WIDE for text, label in ROWS)]).encode()


def wide_jsonl() -> bytes:
    further = {f"c{i}": 1 for i in range(WIDE)}
    return "\n".join(json.dumps({"text": text, "label": label} | further) for text, label in ROWS).encode()


def wide_parquet() -> bytes:
    columns = dict(zip(("text", "label"), map(list, zip(*ROWS, strict=True)), strict=True))
    out = pa.BufferOutputStream()
    pq.write_table(pa.table(columns | {f"c{i}": [1] * len(ROWS) for i in range(WIDE)}), out)
    return bytes(out.getvalue())


@pytest.mark.parametrize(
    ("name", "content"), [("csv", wide_csv), ("jsonl", wide_jsonl), ("parquet", wide_parquet)]
)
def test_ten_thousand_columns_beside_the_two_that_count(
    curate: Callable[..., Dataset], name: str, content: Callable[[], bytes]
) -> None:
    made = curate({"all": {f"a.{name}": content()}}, near_duplicates=None)
    assert sum(pq.read_metadata(made.path / f"{split}.parquet").num_rows for split in ("train", "test")) > 40


def test_of_ten_thousand_columns_an_error_names_forty(curate: Callable[..., Dataset]) -> None:
    with pytest.raises(BadRequest) as caught:
        curate({"all": {"a.csv": wide_csv().replace(b"text", b"says", 1)}})
    assert "no column 'text' (there are: says, label, c0, c1," in str(caught.value)
    assert "c37 and 9,962 more)." in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_line_that_never_ends_is_named(
    curate: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LONGEST", 1000)
    rows = "".join(f"{text},{label}\n" for text, label in ROWS)
    with pytest.raises(BadRequest, match=r"all/a\.csv:62: a line of more than 1,000 characters"):
        curate({"all": {"a.csv": f"text,label\n{rows}{'a' * 2000},a\n{rows}"}})


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param('{{"text": "half a row, "lab\n{0}', r"a\.jsonl:1: not JSON", id="first"),
        pytest.param('{0}{{"text": "half a row, "lab\n{0}', r"a\.jsonl:61: not JSON", id="middle"),
        pytest.param('{0}{{"text": "cut sho', r"a\.jsonl:61: not JSON", id="last"),
        pytest.param("{0}\0\0\0\n{0}", r"a\.jsonl:61: not JSON", id="NUL"),
        pytest.param("{0}[[[[[[{0}", r"a\.jsonl:61: not JSON", id="open"),
    ],
)
def test_broken_json_is_named_by_its_line(curate: Callable[..., Dataset], rows: str, said: str) -> None:
    good = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS)
    with pytest.raises(BadRequest, match=said):
        curate({"all": {"a.jsonl": rows.format(good)}})


def endless(head: str, start: str) -> Iterator[bytes]:
    """A table whose 61st row is a gigabyte long."""
    yield f"{head}{start}".encode()
    for _ in range(1024):
        yield b"a" * MEGABYTE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "head", "start"),
    [
        ("csv", "text,label\n", "".join(f"{text},{label}\n" for text, label in ROWS)),
        ("csv", "text,label\n", "".join(f"{text},{label}\n" for text, label in ROWS) + '"'),
        ("jsonl", "", "".join(json.dumps({"text": t, "label": n}) + "\n" for t, n in ROWS) + '{"text": "'),
    ],
)
def test_a_line_of_a_gigabyte_takes_no_memory(tmp_path: Path, name: str, head: str, start: str) -> None:
    (tmp_path / "in" / "all").mkdir(parents=True)
    with (tmp_path / "in" / "all" / f"a.{name}").open("wb") as file:
        file.writelines(endless(head, start))
    done = subprocess.run(
        [sys.executable, "-c", CURATE, str(tmp_path)], capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (1 << 31, 1 << 31)),
    )  # fmt: skip
    said, megabytes = done.stdout.splitlines()
    assert ": a line of more than 16,777,216 characters; one row a line is expected." in said
    assert int(megabytes) < 200
