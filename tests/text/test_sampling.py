"""`rows` and `sample`: a part of the pool; and texts of several columns."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.curate import Curate
from slmworks_text.curate import CurateText
from slmworks_text.curate_chat import CurateChat
from slmworks_text.curate_tags import CurateTags

Curated = Callable[..., Dataset]


def table(count: int, labels: str = "aaaaaabbbc", word: str = "item") -> dict[str, str | bytes]:
    lines = [f"{word} number {i},{labels[i % len(labels)]}\n" for i in range(count)]
    return {"a.csv": "text,label\n" + "".join(lines)}


def texts(data: Dataset, *splits: str) -> set[str]:
    return {text for split in splits or data.splits for text in data.columns(split, "text")[0]}


def labels(data: Dataset) -> Counter[str]:
    return Counter(label for split in data.splits for label in data.columns(split, "label")[0])


def test_the_pool_is_sampled_with_its_labels_in_their_shares(curate: Curated) -> None:
    data = curate({"all": table(2000)}, rows=500)
    assert labels(data) == pytest.approx({"a": 300, "b": 150, "c": 50}, abs=2)
    assert [len(texts(data, split)) for split in ("train", "validation", "test")] == [350, 50, 100]
    assert data.summary["dropped"] == {"more than rows": 1500}
    assert data.summary["rows_in"] == 2000


def test_the_seed_draws_and_more_rows_hold_fewer(curate: Curated) -> None:
    few, more, other = (
        texts(curate({"all": table(1000)}, rows=rows, seed=seed))
        for rows, seed in ((100, 0), (400, 0), (100, 1))
    )
    assert few < more
    assert len(few & other) < 30
    middle = sum(int(text.split()[-1]) for text in few) / len(few)
    assert middle == pytest.approx(500, abs=120)  # not the first rows of the file


def test_a_share_is_rounded_up_as_it_is_written(curate: Curated) -> None:
    data = curate({"all": table(200, "ab")}, sample={"share": 0.07})
    assert labels(data) == {"a": 7, "b": 7}  # and not 8: 100 * 0.07 is a little more than 7 in binary
    assert labels(curate({"all": table(200, "ab")}, sample={"share": 0.071})) == {"a": 8, "b": 8}


def test_rare_labels_are_not_lost(curate: Curated) -> None:
    data = curate({"all": table(1000, "a" * 249 + "b")}, rows=50)
    assert labels(data) == {"a": 47, "b": 3}
    with pytest.raises(BadRequest, match="too few rows"):
        curate({"all": table(1000, "ab")}, rows=5)


def test_given_splits_and_transfer_stay_whole(curate: Curated) -> None:
    news: dict[str, str | bytes] = {"n.csv": "text,label\n" + "".join(f"news {i},\n" for i in range(80))}
    inputs = {"train": table(1000), "test": table(90, word="exam"), "transfer": news}
    data = curate(inputs, rows=200)
    assert {split: len(texts(data, split)) for split in data.splits} == {
        "train": 180, "validation": 20, "test": 90, "transfer": 80,
    }  # fmt: skip


def test_more_rows_than_there_are_change_nothing(curate: Curated) -> None:
    assert curate({"all": table(300)}, rows=300).digest == curate({"all": table(300)}).digest


def test_documents_stay_together_in_a_sample(curate: Curated) -> None:
    lines = [f"item {i},{'ab'[i % 2]},{i // 5}\n" for i in range(500)]
    data = curate({"all": {"a.csv": "text,label,doc\n" + "".join(lines)}}, group="doc", rows=200)
    where: dict[int, set[str]] = {}
    for split in data.splits:
        for text in texts(data, split):
            where.setdefault(int(text.split()[1]) // 5, set()).add(split)
    assert all(len(splits) == 1 for splits in where.values())
    assert len(texts(data)) == 200


def test_rows_are_short_for_a_sample_by_label(curate: Curated) -> None:
    short, long = curate({"all": table(1000)}, rows=200), curate({"all": table(1000)}, sample={"rows": 200})
    assert [short.columns(split, "id") for split in short.splits] == [
        long.columns(split, "id") for split in long.splits
    ]
    assert long.summary["dropped"] == {"more than sample": 800}
    with pytest.raises(OptionError, match="short for sample"):
        configure(CurateText, "text", {"rows": 3, "sample": {"rows": 3}})


@pytest.mark.parametrize(
    ("sample", "kept"),
    [
        ({"each": 60}, {"a": 60, "b": 60, "c": 60}),
        ({"each": 150}, {"a": 150, "b": 150, "c": 100}),
        ({"share": 0.25}, {"a": 150, "b": 75, "c": 25}),
        ({"share": 0.001}, {"a": 3, "b": 3, "c": 3}),
        ({"by": "source", "each": 90, "seed": 7}, None),
        ({"by": "length", "each": 40}, None),
    ],
)
def test_samples_by_stratum(curate: Curated, sample: dict[str, Any], kept: dict[str, int] | None) -> None:
    long = table(1000, word="a much longer item that goes on and on and")
    data = curate({"all": table(1000), "more": long} if kept is None else {"all": table(1000)}, sample=sample)
    if kept is not None:
        assert labels(data) == kept
    else:
        found = Counter(text.startswith("a much") for text in texts(data))
        # the lengths of `item number 0` and its like are 13 to 15: one group
        assert found == {True: sample["each"], False: sample["each"]}


def test_a_seed_of_its_own_draws_the_sample_and_not_the_splits(curate: Curated) -> None:
    own, same, other = (
        texts(curate({"all": table(1000)}, sample={"each": 50, **seed}))
        for seed in ({}, {"seed": 0}, {"seed": 1})
    )
    assert own == same
    assert len(own) == len(other) == 150
    assert len(own & other) < 60  # of 37 to be expected


@pytest.mark.parametrize(
    ("plugin", "sample", "said"),
    [
        (CurateText, {}, "set one size"),
        (CurateText, {"each": 3, "share": 0.1}, "set one size"),
        (CurateChat, {"each": 3}, "conversations have no labels; set by: source"),
        (CurateTags, {"each": 3}, "labels are those of marks"),
    ],
)
def test_sizes_that_cannot_be_are_refused(plugin: type[Curate], sample: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        configure(plugin, "x", {"sample": sample})


NEWS = [{"title": f"Title {i}", "body": f"Body {i}.", "label": "ab"[i % 2]} for i in range(30)]


def jsonl(rows: list[dict[str, Any]]) -> dict[str, str | bytes]:
    return {"a.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}


def test_texts_of_several_columns_are_joined(curate: Curated, tmp_path: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(NEWS), tmp_path / "t.parquet")
    csv = "label,body,title\n" + "".join(f"{row['label']},{row['body']},{row['title']}\n" for row in NEWS)
    for files in (jsonl(NEWS), {"a.csv": csv}, {"a.parquet": (tmp_path / "t.parquet").read_bytes()}):
        data = curate({"all": files}, text=["title", "body"])
        assert texts(data) == {f"Title {i} Body {i}." for i in range(30)}
    own = {"all": {"text": ["body", "title"]}}
    assert "Body 3. Title 3" in texts(curate({"all": jsonl(NEWS)}, inputs=own))
    assert "Body 3. Title 3" in texts(curate({"all": jsonl(NEWS)}, text=["body", "title"], normalise=False))


def test_missing_parts_of_a_text_are_left_out(curate: Curated) -> None:
    rows = [
        *NEWS,
        {"title": "alone", "body": None, "label": "a"},
        {"title": " ", "body": "only a body", "label": "a"},
        {"title": float("nan"), "body": "", "label": "a"},
    ]
    data = curate({"all": jsonl(rows)}, text=["title", "body"])
    assert {"alone", "only a body"} <= texts(data)
    assert data.summary["dropped"] == {"no text": 1}


def test_a_missing_column_of_several_is_named(curate: Curated) -> None:
    with pytest.raises(
        BadRequest, match=r"no column 'bodi' \(there are: title, body, label\)\. Did you mean 'body'"
    ):
        curate({"all": jsonl(NEWS)}, text=["title", "bodi"])
