"""What a curation did to one chunk, or to the chunks of one document, as a person is told."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench, sealed
from slmworks_text.curate_documents import CurateDocuments
from slmworks_text.explain.explained import explained

Explain = Callable[..., list[tuple[str, str]]]

TEA = "# Tea\n\n" + "\n\n".join(
    f"Step {number}: heat the water to {number + 70} degrees, ask ann{number}@example.org, and wait for a while."
    for number in range(1, 11)
)
RADIO = (
    "The battery of the radio lasts 18 hours, and a full charge with its own cable takes three hours more."
)
FILES = {
    "tea.md": TEA,
    "radio.txt": RADIO,
    "radio_again.txt": RADIO,
    "radio_nearly.txt": RADIO.replace("more", "again"),
    "short.txt": "Tea",
    "broken.pdf": "no PDF at all",
    "notes.doc": RADIO,
}
OPTIONS: dict[str, Any] = {
    "size": 20,
    "overlap": 0,
    "redact": ("email",),
    "near_duplicates": 0.7,
    "min_chars": 10,
    "max_unusable": 0.9,
    "operators": [{"words": {"words": ["step 3", "step 4", "step 8"]}}],
}


@pytest.fixture
def explain(tmp_path: Path) -> Explain:
    """Explain a chunk or a document of the files above."""
    folder, numbers = tmp_path / "raw", itertools.count()
    (folder / "manuals").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / "manuals" / name).write_text(text, encoding="utf-8")

    def run(asked: str, **changed: Any) -> list[tuple[str, str]]:
        plugin = CurateDocuments(**{**OPTIONS, **changed})
        task = Bench(tmp_path / "bench").task(f"explain{next(numbers)}")
        return list(explained(plugin, asked, sealed(Files(path=folder)), {}, task))

    return run


def test_a_documents_chunks_are_told_of_by_what_each_step_did_to_which(explain: Explain) -> None:
    assert explain("manuals/tea.md") == [
        ("document", "manuals/tea.md"),
        ("read", "markdown, 10 chunks"),
        ("redact", "personal data redacted: #1–10"),
        ("words", "dropped: listed word: #3–4, #8"),
        ("limits", "kept as they are"),
        ("split", "train: 7 chunks of 10, #1–2, #5–7, #9–10"),
    ]


def test_of_equal_documents_the_one_that_stays_is_named(explain: Explain) -> None:
    told = {name: explain(f"manuals/{name}.txt") for name in ("radio", "radio_again")}
    (gone,) = (name for name, lines in told.items() if lines[-1] == ("split", "none: no chunk is kept"))
    (kept,) = set(told) - {gone}
    at = [name for name, _ in told[gone]].index("duplicates")
    assert told[gone][at : at + 2] == [
        ("duplicates", "dropped: #1"),
        ("", f"#1: equal to a chunk that is kept: manuals/{kept}.txt chunk 1"),
    ]


def test_of_near_documents_the_one_that_stays_is_named_with_how_alike_they_are(explain: Explain) -> None:
    lines = (
        explain("manuals/radio_nearly.txt")
        + explain("manuals/radio.txt")
        + explain("manuals/radio_again.txt")
    )
    at = [name for name, _ in lines].index("near duplicates")
    assert lines[at] == ("near duplicates", "dropped: #1")
    assert lines[at + 1][1].startswith("#1: near a chunk that is kept: manuals/radio")
    assert ", similarity 0." in lines[at + 1][1]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("broken.pdf", "dropped: broken PDF"),
        ("notes.doc", "no document: its ending is none of .txt, .text, .md, "),
    ],
)
def test_a_file_that_gives_no_chunk_is_told_of_in_two_lines(explain: Explain, name: str, read: str) -> None:
    document, why = explain(f"manuals/{name}")
    assert document == ("document", f"manuals/{name}")
    assert why[0] == "read"
    assert why[1].startswith(read)


def test_a_document_of_which_no_step_leaves_a_chunk_is_in_no_split(explain: Explain) -> None:
    assert explain("manuals/short.txt")[-2:] == [
        ("limits", "dropped: too short: #1"),
        ("split", "none: no chunk is kept"),
    ]


@pytest.mark.parametrize(
    "asked", ["manuals/tea.md#2", "manuals/tea.md:2", "manuals/tea.md#2: Tea", "TO 72  degrees"]
)
def test_a_chunk_is_found_by_its_place_and_by_its_text(explain: Explain, asked: str) -> None:
    lines = explain(asked)
    assert lines[0] == ("chunk", "manuals/tea.md#2: Tea")
    assert ("read", "of manuals/tea.md: markdown, 10 chunks") in lines
    assert dict(lines)["redact"].endswith("degrees, ask <EMAIL>, and wait for a while.")
    assert lines[-1][1].startswith("train, id ")


def test_a_chunk_is_found_by_its_id_in_the_curated_data(explain: Explain) -> None:
    id_ = explain("manuals/tea.md#6")[-1][1].removeprefix("train, id ")
    assert explain(id_)[0] == ("chunk", "manuals/tea.md#6: Tea")


def test_a_dropped_chunk_says_by_which_step(explain: Explain) -> None:
    assert explain("manuals/tea.md#8")[-1] == ("words", "dropped: listed word ('Step 8')")


def test_others_that_hold_the_text_are_named(explain: Explain) -> None:
    lines = explain("18 hours")
    assert lines[0] == ("chunk", "manuals/radio.txt#1")
    assert lines[1] == (
        "",
        "the first that holds it; others: manuals/radio_again.txt#1, manuals/radio_nearly.txt#1",
    )


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("manuals/tea.md#11", "--explain manuals/tea.md#11: manuals/tea.md has chunks 1 to 10."),
        ("manuals/radio.txt#2", "manuals/radio.txt has one chunk, #1."),
        (
            "manuals/tee.md",
            "--explain manuals/tee.md: no file 'manuals/tee.md'. Did you mean 'manuals/tea.md'?",
        ),
        ("manual/tea.md", "no input of documents named 'manual'. Did you mean 'manuals'?"),
        ("coffee", "no chunk holds 'coffee'; name one by its place, such as manuals/"),
        ("tea time:5", "no chunk holds 'tea time:5'; name one by its place"),
        ("#1", "no chunk holds '#1'; name one by its place"),
        (f"manuals/tea.md#{'9' * 5000}", "no chunk holds 'manuals/tea.md#999"),
        (
            "0123456789abcdef0123",
            "no chunk has this id, or had it before it was dropped; name one by its place",
        ),
        (
            " ",
            "name a chunk (INPUT/FILE#NUMBER, or its id), a document (INPUT/FILE), or text that a chunk holds.",
        ),
    ],
)
def test_what_is_not_there_is_said_in_one_line(explain: Explain, asked: str, problem: str) -> None:
    with pytest.raises(BadRequest) as refused:
        explain(asked)
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)
