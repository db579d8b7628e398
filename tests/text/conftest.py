"""Files in, a data set out: for every test of a plugin that curates files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slmworks.contract.artifact import Dataset, Files
from slmworks.curate import Curate
from slmworks.testing import Bench, sealed
from slmworks_text.curate import CurateText
from slmworks_text.curate_chat import CurateChat
from slmworks_text.curate_preferences import CuratePreferences
from slmworks_text.curate_qa import CurateQA
from slmworks_text.curate_tags import CurateTags


@pytest.fixture
def curate(tmp_path: Path) -> Callable[..., Dataset]:
    """Curate texts of named inputs: each is file name -> content."""
    return curated_by(CurateText, tmp_path)


@pytest.fixture
def chat(tmp_path: Path) -> Callable[..., Dataset]:
    """Curate conversations of named inputs: each is file name -> content."""
    return curated_by(CurateChat, tmp_path)


@pytest.fixture
def preferences(tmp_path: Path) -> Callable[..., Dataset]:
    """Curate pairs of answers of named inputs: each is file name -> content."""
    return curated_by(CuratePreferences, tmp_path)


@pytest.fixture
def tags(tmp_path: Path) -> Callable[..., Dataset]:
    """Curate texts with entities of named inputs: each is file name -> content."""
    return curated_by(CurateTags, tmp_path)


@pytest.fixture
def qa(tmp_path: Path) -> Callable[..., Dataset]:
    """Curate questions and answers of named inputs: each is file name -> content."""
    return curated_by(CurateQA, tmp_path)


def curated_by(plugin: type[Curate], tmp_path: Path) -> Callable[..., Dataset]:
    place = tmp_path / plugin.__name__
    bench = Bench(place / "bench")
    number = iter(range(100))

    def run(inputs: dict[str, dict[str, str | bytes]], /, **options: Any) -> Dataset:
        folder = place / f"raw{(n := next(number))}"
        for name, files in inputs.items():
            (folder / name).mkdir(parents=True)
            for file, content in files.items():
                (folder / name / file).write_bytes(
                    content if isinstance(content, bytes) else content.encode()
                )
        task = bench.task(f"curate{n}")
        return sealed(plugin(**options).run(data=sealed(Files(path=folder)), task=task))

    return run
