"""What MLflow holds is downloaded, hashed and put right: edited, or gone."""

import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from releases import edit
from slmworks.contract.errors import CorruptObject
from slmworks.tracking.check import heal
from slmworks.tracking.connection import connect
from slmworks.tracking.sync import sync
from slmworks.tracking.transfer import upload


def test_a_release_that_was_edited_in_mlflow_or_is_gone_from_it_is_uploaded_again(store, story, uri):
    sync(store, uri)
    (run,) = [version.run_id for version in connect(uri).client.search_model_versions("name = 'reviews'")]
    there = connect(uri).client.get_run(run).info.artifact_uri
    folder = Path(unquote(urlsplit(there).path)) / "release"
    assert [held.same for held in heal(store, uri)] == [True]
    edit(folder / "model" / "labels.json", "{}")
    assert [held.differing for held in heal(store, uri)] == ["model/labels.json"]
    shutil.rmtree(folder)
    assert [held.files for held in heal(store, uri)] == [0]
    assert [held.same for held in heal(store, uri)] == [True]


def test_a_folder_with_a_link_is_not_uploaded(tmp_path):
    (tmp_path / "runtime.py").write_text("")
    (tmp_path / "more").symlink_to("/")
    with pytest.raises(CorruptObject, match="more: is a link, and only plain files"):
        upload(None, "run", tmp_path)  # nothing is asked of MLflow
