"""`curate/text` for model tasks other than classification: their columns, their strata, their refusals."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import pyarrow.parquet as pq
import pytest

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import ModelTask, Row
from slmworks.contract.options import OptionError, configure
from slmworks_text.curate import CurateText

Curated = Callable[..., Dataset]
EMBED: dict[str, Any] = {"model_task": "feature-extraction"}


class Translation(ModelTask):
    """One text a text, balanced by how long it is."""

    name: ClassVar[str] = "translation"
    header: ClassVar[str] = "translate"
    inputs: ClassVar[tuple[str, ...]] = ("sentence",)
    targets: ClassVar[tuple[str, ...]] = ("translation",)
    example: ClassVar[Row] = {"sentence": "Good morning."}

    def stratum(self, row: Row) -> tuple[str, ...]:
        return ("long" if len(row["sentence"].split()) > 5 else "short",)


class QuestionAnswering(ModelTask):
    name: ClassVar[str] = "question-answering"
    inputs: ClassVar[tuple[str, ...]] = ("question", "context")
    targets: ClassVar[tuple[str, ...]] = ("answers",)


class TextGeneration(ModelTask):
    name: ClassVar[str] = "text-generation"
    inputs: ClassVar[tuple[str, ...]] = ("messages",)
    targets: ClassVar[tuple[str, ...]] = ()


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    known = dict(catalog.model_tasks())
    for task in (Translation, QuestionAnswering, TextGeneration):
        known[task.name] = SimpleNamespace(load=lambda task=task: task)
    monkeypatch.setattr(catalog, "model_tasks", lambda: known)
    catalog.model_task.cache_clear()
    yield
    catalog.model_task.cache_clear()


def jsonl(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}


def questions(count: int, word: str = "question") -> list[dict[str, Any]]:
    return [
        {"text": f"{word} {i} about topic {i}", "document": f"Document {i} answers it. " * 5}
        for i in range(count)
    ]


def everything(data: Dataset, *columns: str) -> list[tuple[str, ...]]:
    return [row for split in data.splits for row in zip(*data.columns(split, *columns), strict=True)]


def card(data: Dataset) -> dict[str, Any]:
    return dict(json.loads((data.path / "card.json").read_text()))


def dropped(data: Dataset) -> dict[str, int]:
    return {reason: count for reason, count in card(data)["dropped"].items() if count}


def test_input_and_target_are_the_columns(curate: Curated) -> None:
    inputs = {"all": jsonl(questions(100)), "transfer": jsonl([{"text": "no document here"}])}
    data = curate(inputs, **EMBED)
    assert data.splits == ("test", "train", "transfer", "validation")
    assert pq.read_schema(data.file("train")).names == ["id", "text", "document", "source"]
    assert [len(data.rows(split, "id")) for split in ("train", "validation", "test")] == [70, 10, 20]
    assert data.rows("transfer", "text", "document") == [{"text": "no document here", "document": None}]
    assert data.meta == {"task": "feature-extraction"}
    assert catalog.model_task(data.model_task).name == "feature-extraction"


def test_the_card_describes_documents_and_lists_no_labels(curate: Curated) -> None:
    found = card(curate({"all": jsonl(questions(100)), "transfer": jsonl([{"text": "alone"}])}, **EMBED))
    train = found["splits"]["train"]
    assert not {"labels", "labels_by_source"} & {*found, *train}
    assert train["target"]["words"]["median"] == 20
    assert train["target"]["lengths"]["unit"] == "characters"
    assert "target" not in found["splits"]["transfer"]


def test_columns_are_named_by_the_options(curate: Curated) -> None:
    rows = [{"q": row["text"], "passage": row["document"]} for row in questions(30)]
    data = curate({"all": jsonl(rows)}, text="q", label="passage", **EMBED)
    assert len(everything(data, "text", "document")) == 30
    with pytest.raises(BadRequest, match=r"no column 'document' \(there are: q, passage\)\..* Set label to"):
        curate({"all": jsonl(rows)}, text="q", **EMBED)


def test_documents_are_cleaned_like_texts(curate: Curated) -> None:
    rows = [
        *questions(20),
        {"text": "whom to ask", "document": "write  to ann@example.org, itâ€™s fine"},
        {"text": "my mail is bob@example.org", "document": "or eve@example.org"},
        {"text": "nothing found", "document": " "},
        {"text": "no document", "document": None},
        {"text": "only a control character", "document": "\x01\x02"},
    ]
    data = curate({"all": jsonl(rows)}, redact=["email"], max_chars=60, **EMBED)
    found = dict(everything(data, "text", "document"))
    assert found["whom to ask"] == "write to <EMAIL>, it’s fine"
    assert found["my mail is <EMAIL>"] == "or <EMAIL>"
    assert dropped(data) == {"no document": 3}
    assert card(data)["personal_data"] == {"email": 3}
    assert data.summary["redacted"] == 2


def test_bad_bytes_in_a_document_count_its_row_once(curate: Curated) -> None:
    good = "text,document\n" + "".join(f"question {i},answer {i}\n" for i in range(20))
    data = curate({"all": {"a.csv": good.encode() + b"caf\xe9,th\xe9\n"}}, encoding="utf-8-replace", **EMBED)
    assert card(data)["changed"]["bad bytes replaced"] == 1


def test_a_text_keeps_all_its_documents_in_one_split(curate: Curated) -> None:
    rows = questions(40)
    rows += [{"text": row["text"].upper(), "document": f"another for {i}"} for i, row in enumerate(rows)]
    data = curate({"all": jsonl([*rows, *rows[:7]])}, **EMBED)
    assert dropped(data) == {"duplicate": 7}
    split_of: dict[str, set[str]] = {}
    for split in data.splits:
        for text in data.columns(split, "text")[0]:
            split_of.setdefault(text.lower(), set()).add(split)
    assert len(split_of) == 40
    assert all(len(splits) == 1 for splits in split_of.values())


def test_near_duplicates_of_one_document_are_reduced(curate: Curated) -> None:
    stem = " ".join(f"w{i}" for i in range(30))
    rows = [
        *questions(20),
        {"text": f"{stem} good", "document": "one"},
        {"text": f"{stem} fine", "document": "one"},
        {"text": f"{stem} bad", "document": "two"},
    ]
    data = curate({"all": jsonl(rows)}, near_duplicates=0.8, **EMBED)
    assert dropped(data) == {"near duplicate": 1}
    assert len(data.columns("test", "text")[0]) in (4, 5, 6)


def test_without_strata_splits_are_balanced_by_source(curate: Curated) -> None:
    data = curate({"web": jsonl(questions(100, "web")), "app": jsonl(questions(40, "app"))}, **EMBED)
    shares = {split: Counter(data.columns(split, "source")[0]) for split in data.splits}
    assert shares == {
        "train": {"web": 70, "app": 28}, "validation": {"web": 10, "app": 4}, "test": {"web": 20, "app": 8},
    }  # fmt: skip


@pytest.mark.usefixtures("made_up")
def test_a_model_tasks_own_strata_balance_the_splits(curate: Curated) -> None:
    rows = [{"sentence": f"short {i}", "translation": f"kurz {i}"} for i in range(80)]
    rows += [
        {"sentence": f"a much longer sentence with number {i}", "translation": "lang"} for i in range(20)
    ]
    data = curate({"all": jsonl(rows)}, model_task="translation")
    lengths = {
        split: Counter(len(text.split()) > 5 for text in data.columns(split, "sentence")[0])
        for split in data.splits
    }
    assert lengths == {
        "train": {False: 56, True: 14}, "validation": {False: 8, True: 2}, "test": {False: 16, True: 4},
    }  # fmt: skip
    assert data.meta == {"task": "translate"}
    assert pq.read_schema(data.file("test")).names == ["id", "sentence", "translation", "source"]


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize(
    ("options", "where", "message"),
    [
        (
            {"model_task": "feature-extracton"},
            "model_task", "no such model task 'feature-extracton'. Did you mean 'feature-extraction'?",
        ),
        (
            {"model_task": "question-answering"},
            "model_task",
            "question-answering has the inputs question, context and the target answers, but this plugin writes "
            "rows of one text and one target; curate it with another plugin.",
        ),
        (
            {"model_task": "text-generation"},
            "model_task",
            "text-generation has the input messages and no target, but this plugin writes rows of one text and "
            "one target; curate it with another plugin.",
        ),
        (
            {**EMBED, "labels": ["a", "b"]},
            "labels", "the targets of feature-extraction are no labels; leave labels out.",
        ),
        (
            {**EMBED, "bins": {"low": "< 1", "high": "else"}},
            "bins", "the targets of feature-extraction are no labels; leave bins out.",
        ),
    ],
)  # fmt: skip
def test_the_option_is_checked_before_anything_runs(
    options: dict[str, Any], where: str, message: str
) -> None:
    with pytest.raises(OptionError) as caught:
        configure(CurateText, "text", options)
    assert caught.value.where == (where,)
    assert caught.value.problem == message


def test_rows_without_any_target_are_refused(curate: Curated) -> None:
    rows = [{"text": f"question {i}", "document": ""} for i in range(5)]
    with pytest.raises(
        BadRequest, match=r"no labelled rows to train on: 5 rows read \(dropped: 5 no document\)"
    ):
        curate({"all": jsonl(rows)}, **EMBED)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("text-classification", "text-classification"),
        ("classification", "text-classification"),
        ("feature-extraction", "feature-extraction"),
    ],
)
def test_a_plan_knows_what_the_data_is_for(name: str, made: str) -> None:
    assert CurateText(model_task=name).made_for() == made
