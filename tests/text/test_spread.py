"""`curate/text` with workers: the bytes of one process, and its errors. The workers here are another process."""

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from slmworks.contract.artifact import Files
from slmworks.contract.errors import SlmworksError
from slmworks.contract.stage import Task
from slmworks_text import cleaning, json_lines
from slmworks_text.curate import CurateText
from slmworks_text.spread import near


class OtherProcess:
    """One worker that shares nothing with this process, as those of a cluster."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool
        self.pieces = 0

    def map(self, function: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
        for piece in pieces:
            self.pieces += 1
            yield self.pool.submit(function, piece).result()


@pytest.fixture(scope="module")
def other() -> Iterator[OtherProcess]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield OtherProcess(pool)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "ROWS", 50)
    monkeypatch.setattr(json_lines, "CHARACTERS", 2_000)
    monkeypatch.setattr(near, "PAIRS", 20)


def written(folder: Path, workers: OtherProcess | None, **options: Any) -> dict[str, Any]:
    """File -> bytes of a curation of `folder/raw`; and its summary, as text since its order counts too."""

    @contextmanager
    def started(_scratch: Path) -> Iterator[OtherProcess]:
        assert workers is not None
        yield workers

    work = folder / f"work{len(list(folder.iterdir()))}"
    for name in ("output", "scratch"):
        (work / name).mkdir(parents=True)
    plugin = CurateText.model_validate_json(json.dumps(options))
    task = Task(output=work / "output", scratch=work / "scratch", workers_of=started if workers else None)
    made = plugin.run(data=Files(path=folder / "raw"), task=task)
    files = {path.name: path.read_bytes() for path in (work / "output").iterdir()}
    return {**files, "summary": json.dumps(made.summary)}


def given(folder: Path, **inputs: str) -> Path:
    """The folder with one file an input."""
    for name, content in inputs.items():
        path = folder / "raw" / name / "rows.csv"
        path.parent.mkdir(parents=True)
        path.write_text(content, encoding="utf-8")
    return folder


def rows(count: int, *labels: str, about: str = "parcel") -> str:
    """A csv file with duplicates, near duplicates, addresses, broken characters and rows without a label."""
    lines = ["text,label"]
    for i in range(count):
        words = " ".join(f"{about}{(i * step) % 97}" for step in (1, 3, 7, 11, 13, 17, 19, 23, 29))
        label = "" if i % 41 == 5 else labels[i % len(labels)]
        lines.append(f"{words} number {i},{label}")
        if i % 10 == 3:
            lines.append(f"{words} number {i}{'!' if i % 20 == 3 else ' again'},{label}")
        if i % 17 == 2:
            lines.append(f"caf\u00c3\u00a9 {i} write to one{i}@example.com at 10.1.2.{i % 250},{label}")
        if i % 29 == 7:
            lines.append(f"{about},{label}")
    return "\n".join(lines) + "\n"


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "cleaned": {"redact": ["email", "ip"], "near_duplicates": 0.7, "validation": 0.2},
    "operators": {
        "near_duplicates": 0.8,
        "operators": [
            {"length": {"min_words": 3}},
            {"words": {"words": ["parcel5"]}},
            {"expression": {"keep": "length(text) < 400"}},
        ],
    },
    "outside": {"out_of_scope": ["other"], "transfer": ["more"], "transfer_rows": 40, "decontaminate": {}},
}


@pytest.mark.parametrize("case", CASES)
def test_the_bytes_are_those_of_one_process(case: str, tmp_path: Path, other: OtherProcess) -> None:
    options = CASES[case]
    folder = given(
        tmp_path, first=rows(300, "yes", "no", "other"), more=rows(90, "yes", "no", about="letter")
    )
    before = other.pieces
    assert written(folder, other, **options) == written(folder, None, **options)
    assert other.pieces > before + 5


def test_pieces_show_neither_in_the_summary_nor_in_examples(
    tmp_path: Path, other: OtherProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"text number {i} of all,{('yes', 'no')[i % 2]}" for i in range(300)]
    for i in (10, 120, 180, 240):  # in other pieces than the next one that has no label
        lines[i], lines[i + 55] = f"a{i},yes", f"nobody labelled {i},"
    folder = given(tmp_path, first="\n".join(["text,label", *lines]))
    apart = written(folder, other, min_chars=8)
    monkeypatch.setattr(cleaning, "ROWS", 5_000)
    assert apart == written(folder, None, min_chars=8)
    card = json.loads(apart["card.json"])
    assert card["dropped"]["no label"] == card["dropped"]["too short"] == 4
    assert "no label 4, too short 4" in json.loads(apart["summary"])["left_out"]
    assert [one["text"] for one in card["examples"]["too short"]] == ["a10", "a120", "a180"]


@pytest.mark.parametrize(
    ("files", "options"),
    [
        pytest.param(
            {"rows.jsonl": '{"text": "a b", "label": "yes"}\n' * 120 + '{"text": "half \\ud83d", "label": "no"}\n{"text": \n'},
            {"normalise": False},
            id="a wrong row before a broken line",
        ),
        pytest.param(
            {"rows.jsonl": '{"text": "a b", "label": "yes"}\n' * 120 + "{\n"}, {}, id="a broken line"
        ),
        pytest.param(
            {"rows.jsonl": "".join(f'{{"text": "a{i}", "label": "yes"}}\n' for i in range(120))},
            {"operators": [{"expression": {"keep": "CAST(text AS INTEGER) > 0"}}]},
            id="an operator that fails",
        ),
        pytest.param({"rows.jsonl": '{"text": "a b", "label": ""}\n' * 120}, {}, id="no row with a label"),
    ],
)  # fmt: skip
def test_the_error_is_that_of_one_process(
    files: dict[str, str], options: dict[str, Any], tmp_path: Path, other: OtherProcess
) -> None:
    (tmp_path / "raw" / "all").mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / "raw" / "all" / name).write_text(content)
    said = []
    for workers in (other, None):
        with pytest.raises(SlmworksError) as caught:
            written(tmp_path, workers, **options)
        said.append((type(caught.value), str(caught.value)))
    assert said[0] == said[1]
    assert "\n" not in said[0][1]
