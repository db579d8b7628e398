"""Texts of the rows that a page shows, out of a test set of any size."""

import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slmworks.contract.artifact import Dataset
from slmworks.packet.rows import texts

ROWS = 300_000
PEAK = """
import sys, pathlib
from slmworks.contract import catalog
import pyarrow
from slmworks.packet.rows import texts

def peak():
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024

catalog.model_task("classification")
before = peak()
assert len(texts(pathlib.Path(sys.argv[1]), [f"row-{number}" for number in range(0, 300_000, 30_000)])) == 10
print(peak() - before)
"""


def data(folder, rows, group):
    words = [f"word-{number} " * 12 for number in range(500)]
    table = pa.table(
        {
            "id": [f"row-{number}" for number in range(rows)],
            "text": [f"{number} {words[number % 500]}" for number in range(rows)],
        }
    )
    pq.write_table(table, folder / "test.parquet", compression="zstd", row_group_size=group)
    Dataset(path=folder, meta={"task": "classification", "labels": ["a", "b"]}).seal()
    return folder


@pytest.mark.parametrize("group", [7, 5000])
def test_only_the_rows_that_are_asked_for_are_given(tmp_path, group):
    found = texts(data(tmp_path, 3000, group), ["row-0", "row-1234", "row-2999", "no such row"])
    assert {name: text.split()[:2] for name, text in found.items()} == {
        "row-0": ["0", "word-0"],
        "row-1234": ["1234", "word-234"],
        "row-2999": ["2999", "word-499"],
    }


def test_no_ids_no_reading(tmp_path):
    assert texts(data(tmp_path, 3, 3), []) == {}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
def test_a_large_test_set_does_not_come_into_memory(tmp_path):
    data(tmp_path, ROWS, ROWS)
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 60  # MB; all rows as Python objects are some 170
