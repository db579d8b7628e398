"""Drift: what is measured against an earlier data set, bounded by expectations, and refused where it can't be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.testing import Bench
from slmworks_text.curate import CurateText
from slmworks_text.drift import embedded as meaning
from slmworks_text.drift.compared import compared
from slmworks_text.drift.measured import drift_of
from slmworks_text.drift.options import Drift
from slmworks_text.drift.sketch import Sketch, sketch, sketches
from slmworks_text.drift.splits import splits_in

Curated = Callable[..., Dataset]
WORDS = [
    "please",
    "send",
    "the",
    "money",
    "back",
    "to",
    "my",
    "card",
    "account",
    "today",
    "or",
    "tomorrow",
    "morning",
]


def rows(count: int, spam: int, seed: int, *, more: str = "") -> str:
    """`spam` of ten rows are spam; `more` stands at the end of each."""
    rng = np.random.default_rng(seed)
    found = [
        {"text": f"{' '.join(rng.choice(WORDS, 9))} {seed} {i} {more}".strip(), "label": "spam" if i % 10 < spam else "ham"}
        for i in range(count)
    ]  # fmt: skip
    return "".join(json.dumps(row) + "\n" for row in found)


def files_of(data: Dataset) -> dict[str, bytes]:
    return {f"{split}.parquet": data.file(split).read_bytes() for split in data.splits}


def card_of(data: Dataset) -> dict[str, Any]:
    return dict(json.loads((data.path / "card.json").read_text()))


@pytest.fixture
def earlier(curate: Curated) -> dict[str, bytes]:
    return files_of(curate({"all": {"rows.jsonl": rows(400, 3, 1)}}))


def drifted(curate: Curated, earlier: dict[str, bytes], new: str, **options: Any) -> Dataset:
    return curate({"all": {"rows.jsonl": new}, "before": earlier}, drift={"against": "before"}, **options)


def test_the_same_kind_of_rows_do_not_differ(curate: Curated, earlier: dict[str, bytes]) -> None:
    data = drifted(curate, earlier, rows(400, 3, 2))
    drift = card_of(data)["drift"]
    assert drift["rows"] == {"before": 400, "now": 400}
    assert min(drift[part]["p_holm"] for part in ("labels", "lengths")) > 0.05
    assert drift["labels"]["psi"] < 0.02
    assert drift["vocabulary"]["js"] < 2 * drift["vocabulary"]["within"]["js"]
    assert set(card_of(data)["splits"]["train"]["sources"]) == {"all"}


def test_other_labels_longer_texts_and_new_words_are_found(
    curate: Curated, earlier: dict[str, bytes]
) -> None:
    drift = card_of(drifted(curate, earlier, rows(400, 7, 3, more="voucher lottery winner")))["drift"]
    assert max(drift[part]["p_holm"] for part in ("labels", "lengths")) < 0.001
    assert drift["labels"]["psi"] > 0.2
    assert drift["labels"]["moved"][0][0] in ("ham", "spam")
    assert [word for word, _ in drift["vocabulary"]["new"]] == ["lottery", "voucher", "winner"]
    assert drift["labels"]["p_holm"] >= drift["labels"]["p"]


def test_expectations_bound_drift(curate: Curated, earlier: dict[str, bytes]) -> None:
    met = drifted(curate, earlier, rows(400, 3, 2), expect={"drift": {"label_psi": "< 0.1", "p": ">= 0.01"}})
    assert met.summary["expected"][0].startswith("drift.label_psi < 0.1: 0")
    with pytest.raises(BadRequest) as refused:
        drifted(
            curate, earlier, rows(400, 7, 3), expect={"drift": {"label_psi": "< 0.1", "embedding_mmd": "< 1"}}
        )
    assert "drift.label_psi: 0.67" in str(refused.value)
    assert "drift.embedding_mmd: not measured; give the step an `embedder`" in str(refused.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"rows.jsonl": b"{}"}, "the input 'before' has no train.parquet"),
        ({"train.parquet": b"not a parquet file"}, "before/train.parquet: is no Parquet file"),
    ],
)
def test_an_input_that_is_no_data_set_is_refused(curate: Curated, files: dict[str, bytes], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        drifted(curate, files, rows(40, 3, 2))


def test_another_kind_of_data_set_is_refused(chat: Curated, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "text": ["b"]}), tmp_path / "train.parquet")
    said = "".join(json.dumps({"prompt": f"Say {i}", "completion": f"{i}"}) + "\n" for i in range(40))
    given = {
        "talk": {"rows.jsonl": said},
        "before": {"train.parquet": (tmp_path / "train.parquet").read_bytes()},
    }
    with pytest.raises(
        BadRequest, match="before/train.parquet has no column 'messages', so it is no data set"
    ):
        chat(given, drift={"against": "before"})


def test_options_are_checked_before_anything_runs() -> None:
    with pytest.raises(OptionError, match="set drift: {against: INPUT}"):
        configure(CurateText, "text", {"expect": {"drift": {"p": "> 0.01"}}})
    with pytest.raises(OptionError):
        configure(
            CurateText, "text", {"drift": {"against": "x"}, "expect": {"drift": {"label_ps": "> 0.01"}}}
        )


def test_the_sample_is_drawn_by_id_whatever_the_order_of_files(tmp_path: Path, curate: Curated) -> None:
    data = curate({"all": {"rows.jsonl": rows(400, 3, 1)}})
    files = splits_in(data.path, "data")
    one = sketch(files, "text-classification", sampled=25)
    other = sketch(dict(reversed(files.items())), "text-classification", sampled=25)
    ids = sorted(id_ for split in files for id_ in data.columns(split, "id")[0])[:25]
    assert (
        sorted(map(str, (id_ for id_, _ in one.sample)))
        == sorted(map(str, (i for i, _ in other.sample)))
        == ids
    )


def test_meaning_is_compared_by_an_embedder(
    curate: Curated, earlier: dict[str, bytes], tiny_embedder: Model, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    (tmp_path / "before").mkdir()
    before = {name: tmp_path / "before" / name for name in earlier}
    for name, content in earlier.items():
        before[name].write_bytes(content)
    one = sketch(splits_in(tmp_path / "before", "before"), "text-classification", sampled=60)
    other = sketch(
        splits_in(curate({"all": {"rows.jsonl": rows(90, 3, 5)}}).path, "now"),
        "text-classification",
        sampled=60,
    )
    task = Bench(tmp_path / "bench2").task("drift")
    alike = meaning.embedded(one, one, tiny_embedder, task)
    assert alike["rows"] == [60, 60]
    assert alike["p"] > 0.9
    assert alike["mmd2"] < meaning.embedded(one, other, tiny_embedder, task)["mmd2"]


def written(folder: Path, **columns: Any) -> tuple[Path, str]:
    """A data set of one split in a new folder, and its name."""
    folder.mkdir()
    pq.write_table(pa.table(columns), folder / "train.parquet")
    return folder, folder.name


def texts(folder: Path, said: list[str]) -> tuple[Path, str]:
    return written(folder, id=[f"{i:05}" for i in range(len(said))], text=said, label=["a"] * len(said))


def test_new_words_name_nothing_personal_and_no_secret(tmp_path: Path) -> None:
    said = [
        "voucher for maria.schmidt@firma.example",
        "voucher https://anna:correcthorse@db.firma.example/x",
    ]
    earlier, later = texts(tmp_path / "a", ["send money"] * 4), texts(tmp_path / "b", said * 4)
    new = {
        word for word, _ in compared(*sketches(earlier, later, "text-classification"))["vocabulary"]["new"]
    }
    assert "voucher" in new
    assert not new & {"maria", "schmidt", "firma", "anna", "correcthorse", "email"}


@pytest.mark.parametrize(("before", "now"), [(1000, 60), (300, 900)])
def test_words_of_as_many_rows_are_compared(tmp_path: Path, before: int, now: int) -> None:
    """Rows of one kind differ by no more than chance, whatever their numbers."""
    rng = np.random.default_rng(4)
    said = [" ".join(f"w{i}" for i in rng.zipf(1.3, 9) if i < 1 << 40) for _ in range(before + now)]
    earlier, later = texts(tmp_path / "a", said[:before]), texts(tmp_path / "b", said[before:])
    found = compared(*sketches(earlier, later, "text-classification"))["vocabulary"]
    drawn = min(before // 2, now)
    assert found["rows"] == [before - drawn, drawn]
    assert found["js"] == pytest.approx(found["within"]["js"], rel=0.15)
    assert found["unseen"] == pytest.approx(found["within"]["unseen"], rel=0.15)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": ["one"], "label": [3]}, "a/train.parquet: its column 'label' holds int64, not text"),
        ({"text": [7], "label": ["a"]}, "a/train.parquet: its column 'text' holds int64, not text"),
        ({"text": [[7]], "label": ["a"]}, "its column 'text' holds list<.*: int64>, not text"),
        ({"text": ["one"], "label": [["a"]]}, "its column 'label' holds list<.*: string>, not text"),
    ],
)
def test_columns_of_other_things_are_refused(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    earlier, later = written(tmp_path / "a", id=["1"], **columns), texts(tmp_path / "b", ["one"])
    with pytest.raises(BadRequest, match=said):
        sketches(earlier, later, "text-classification")


def test_a_damaged_page_is_refused_in_one_line(tmp_path: Path) -> None:
    folder, name = texts(tmp_path / "a", [f"text {i} of many" for i in range(500)])
    content = bytearray((folder / "train.parquet").read_bytes())
    content[200:600] = bytes(400)
    (folder / "train.parquet").write_bytes(content)
    with pytest.raises(BadRequest, match="a/train.parquet: is no Parquet file that can be read"):
        sketches((folder, name), texts(tmp_path / "b", ["one"]), "text-classification")


def test_two_files_of_one_split_are_refused(tmp_path: Path) -> None:
    folder, name = texts(tmp_path / "a", ["one"])
    texts(folder / "old", ["two"])
    with pytest.raises(
        BadRequest, match=r"a: has two files of the split train, old/train\.parquet and train\.parquet"
    ):
        sketches((folder, name), texts(tmp_path / "b", ["one"]), "text-classification")


def test_without_words_and_with_one_row_every_number_is_one(tmp_path: Path) -> None:
    for i, (before, now) in enumerate(((["?!"], ["one two"]), (["one"], ["..."]), (["?"] * 9, ["!"] * 9))):
        earlier, later = texts(tmp_path / f"a{i}", before), texts(tmp_path / f"b{i}", now)
        json.dumps(compared(*sketches(earlier, later, "text-classification")), allow_nan=False)


def test_meaning_of_a_few_rows_is_not_compared(
    earlier: dict[str, bytes], tiny_embedder: Model, tmp_path: Path
) -> None:
    for name, content in earlier.items():
        (tmp_path / "raw" / "before").mkdir(parents=True, exist_ok=True)
        (tmp_path / "raw" / "before" / name).write_bytes(content)
    task = Bench(tmp_path / "bench").task("drift")
    for count, measured in ((19, False), (20, True)):
        table = pa.table(
            {"id": [*map(str, range(count))], "text": ["my card"] * count, "label": ["a"] * count}
        )
        pq.write_table(table, task.output / "train.parquet")
        data = Files(path=tmp_path / "raw")
        found = drift_of(Drift(against="before"), data, "text-classification", tiny_embedder, task)["drift"]
        assert ("embeddings" in found) is measured


def test_a_sketch_draws_exactly_so_many_rows(tmp_path: Path) -> None:
    folder, name = texts(tmp_path / "a", ["one"] * 97)
    found: Sketch = sketch(splits_in(folder, name), "text-classification", drawn=31)
    assert found.parts.sum(1).tolist() == [66, 31]
