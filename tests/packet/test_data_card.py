"""The card of a data set: its page for people, its Markdown, its Croissant for programs."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.manifest import file_digest, scan
from slmworks.packet import data_card
from slmworks.packet.data_card import Described
from slmworks.packet.flow import lines_of
from slmworks.testing import sealed

LENGTHS = {
    "unit": "characters",
    "quantiles": {"p5": 9, "p50": 42, "p95": 98, "max": 412},
    "histogram": [[20, 100], [40, 900], [412, 5]],
}
CARD: dict[str, Any] = {
    "rows": {"in": 1000, "out": 900},
    "dropped": {"duplicate": 30, "near duplicate": 70, "too long": 0},
    "steps": [
        {"step": "rows", "dropped": {}, "rows": 1000},
        {"step": "equal", "dropped": {"duplicate": 30}, "rows": 970},
        {"step": "near", "dropped": {"near duplicate": 70}, "rows": 900},
    ],
    "examples": {"near duplicate": [{"text": "<b>one</b> & two", "beside": "one two", "beside_split": "test"}]},
    "clusters": {"near": {"clusters": 3, "rows": 70, "sizes": [[2, 2], [100, 1]], "largest": [{"rows": 66, "texts": ["a", "a"]}]}},
    "warnings": ["train has few rows of 'x'"],
    "columns": {"id": "string", "text": "string", "messages": "list<element: struct<role: string, content: string>>"},
    "licence": "",
    "licences": {"web": "CC-BY-4.0", "shop": None},
    "splits": {
        "train": {"rows": 700, "labels": {"a": 500, "b": 200}, "lengths": LENGTHS,
                  "labels_by_source": {"web": {"a": 300, "b": 200}, "shop": {"a": 200}}},
        "test": {"rows": 200, "lengths": LENGTHS},
    },
    "drift": {
        "against": "before", "rows": {"before": 800, "now": 900},
        "labels": {"psi": 0.3, "g": 9.1, "df": 1, "p": 0.001, "p_holm": 0.002, "moved": [["a", 0.5, 0.7]]},
        "lengths": {"ks": 0.01, "p": 0.9, "p_holm": 0.9, "median": [8, 9]},
        "vocabulary": {"js": 0.1, "unseen": 0.02, "within": {"js": 0.09, "unseen": 0.01}, "new": [["voucher", 9]]},
    },
}  # fmt: skip
SHOWN = Described(
    CARD, name="shop · curate", digest="ab" * 32, model_task="text-classification",
    address="s3://bucket/objects/ab", summary={"expected": ["rows >= 10: 900"]},
)  # fmt: skip


class Reader(HTMLParser):
    """Text, and tags with attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_begins_with_warnings_and_expectations_and_has_it_all() -> None:
    said = " ".join(" ".join(Reader(data_card.page(SHOWN)).text).split())
    order = [said.index(word) for word in (
        "Warning: train has few rows of 'x'.", "rows >= 10: 900", "labels differ (2 tests", "What became of the rows",
        "Labels by source", "Lengths", "Duplicates", "Examples of each reason", "Licences as declared",
    )]  # fmt: skip
    assert order == sorted(order)
    for word in ("near duplicate: 70", "<b>one</b> & two", "stays: one two", "51–100", "voucher 9", "50.0 %"):
        assert word in said


def test_the_page_loads_nothing_and_names_its_pictures() -> None:
    page = data_card.page(SHOWN)
    tags = Reader(page).tags
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object"}
    assert not re.search(r"url\(|https?://|@import", page)
    for tag, known in tags:
        if tag == "svg":
            assert known.get("aria-label") or known.get("aria-hidden") == "true"
        if known.get("role") == "region":
            assert known.get("aria-label")
            assert known.get("tabindex") == "0"
    assert "prefers-color-scheme: dark" in page


def test_the_flow_ends_in_the_splits() -> None:
    lines = lines_of(CARD)
    (rows,) = (line.rows for line in lines if line.kind == "in")
    assert rows == sum(line.rows for line in lines if line.kind != "in")
    assert [line.name for line in lines] == ["rows in", "duplicate", "near duplicate", "train", "test"]


@pytest.mark.parametrize("missing", [*CARD, None])
def test_a_card_may_lack_any_part(missing: str | None) -> None:
    card = {name: part for name, part in CARD.items() if name != missing} if missing else {}
    assert data_card.page(Described(card))
    assert data_card.markdown(Described(card))
    assert data_card.croissant(Described(card), ())


def test_markdown_is_short_and_escaped() -> None:
    text = data_card.markdown(SHOWN)
    assert "**shop · curate** · 900 rows of 1,000 · text-classification" in text
    assert "- rows &gt;= 10: 900" in text
    assert "| near duplicates | near duplicate | 70 | 7.0 % |" in text
    assert "shop: not declared; web: CC-BY-4.0" in text


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    said = [[{"role": "user", "content": "Hello"}], [{"role": "user", "content": "Bye"}]]
    table = pa.table({"id": ["1", "2"], "text": ["one", "two"], "messages": said})
    for split in ("train", "test"):
        pq.write_table(table, tmp_path / f"{split}.parquet")
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    return sealed(Dataset(path=tmp_path, meta={"task": "text-generation"}))


def test_croissant_names_files_with_digests_and_licences(data: Dataset) -> None:
    found = json.loads(data_card.croissant(SHOWN, scan(data.path)))
    files = {file["name"]: file for file in found["distribution"]}
    assert set(files) == {"train.parquet", "test.parquet"}
    assert files["train.parquet"]["sha256"] == file_digest(data.file("train"))
    assert files["train.parquet"]["contentUrl"] == "s3://bucket/objects/ab/train.parquet"
    assert found["license"] == "CC-BY-4.0"
    assert "No licence is declared of: shop." in found["description"]


def test_croissants_own_reader_reads_the_rows(data: Dataset, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="pip install 'mlcroissant[parquet]' to run it")
    file = tmp_path / "elsewhere.json"
    file.write_text(data_card.croissant(SHOWN, scan(data.path)))
    where = {f"{split}.parquet": str(data.file(split)) for split in ("train", "test")}
    found = mlcroissant.Dataset(jsonld=str(file), mapping=where)
    assert not found.metadata.ctx.issues.errors
    assert [row["splits/name"] for row in found.records("splits")] == ["test", "train"]
    rows = list(found.records("train"))
    assert [row["train/text"] for row in rows] == [b"one", b"two"]
    assert rows[1]["train/messages"][0]["train/messages/content"] == b"Bye"
