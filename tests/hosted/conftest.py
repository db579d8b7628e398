"""Models in files, and servers to ask."""

import json

import pytest
from faulty import KEY

from slmworks.contract.artifact import Files, Model


@pytest.fixture
def key(monkeypatch):
    """A key in the environment."""
    monkeypatch.setenv("BIG_KEY", KEY)
    return KEY


@pytest.fixture
def model(tmp_path):
    """Makes the Model of a file with these keys."""
    made = []

    def make(address, **keys) -> Model:
        folder = tmp_path / f"fetched-{len(made)}"
        (folder / "teacher").mkdir(parents=True)
        said = {"address": address, "model": "big", **keys}
        (folder / "teacher" / "big.hosted.json").write_text(json.dumps(said))
        made.append(Model.from_files(Files(path=folder, digest=f"{len(made):064x}")))
        return made[-1]

    return make
