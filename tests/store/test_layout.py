"""The format of a store: said by the first run, refused where it is newer, absent in one of version 0.1."""

import json

import pytest

import slmworks
from releases import two_versions
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.store import layout, open_store
from stories import Story


def test_whoever_begins_a_run_says_the_format(tmp_path):
    store = open_store(str(tmp_path / "store"))
    assert store.read(layout.KEY) is None
    Story(store, tmp_path / "story")
    said = json.loads(store.read(layout.KEY) or b"{}")
    assert said == {"format": layout.FORMAT, "written_by": slmworks.__version__}
    open_store(str(tmp_path / "store"))


def test_a_newer_one_is_refused_before_anything_is_read(tmp_path):
    two_versions(tmp_path)
    (tmp_path / "store" / layout.KEY).write_text('{"format": 2, "written_by": "0.9.0"}')
    with pytest.raises(
        BadRequest, match=r"its format is 2, written by slmworks 0\.9\.0; this slmworks reads"
    ):
        slmworks.load("reviews", store=tmp_path / "store")
    with pytest.raises(BadRequest, match="its format is 2"):
        slmworks.runs(store=tmp_path / "store")


def test_a_damaged_one_says_how_it_is_mended(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / layout.KEY).write_text("two")
    with pytest.raises(CorruptObject, match='write {"format": 1} into it'):
        open_store(str(tmp_path / "store"))


def test_a_bucket_is_asked_with_its_first_request(s3, server):
    store = open_store(s3)
    store.write(layout.KEY, b'{"format": 2, "written_by": "0.9.0"}')
    again = open_store(s3)
    with pytest.raises(BadRequest, match="its format is 2"):
        again.read("runs/x/run.json")
