"""Labels as they are in files: missing ones, look-alikes, numbers, names, and what is said of doubtful ones."""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks.testing import Bench
from slmworks_text.curate import CurateText
from slmworks_text.labels import equal_numbers, spelt

Curated = Callable[..., Dataset]
NAN = float("nan")


def jsonl(labels: list[Any], count: int = 10, word: str = "item") -> dict[str, str]:
    """So many rows of each label."""
    rows = [
        {"text": f"{word} number {i}", "label": labels[i % len(labels)]} for i in range(count * len(labels))
    ]
    return {"a.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}


def counts(data: Dataset, *splits: str) -> Counter[str]:
    return Counter(label for split in splits or data.splits for label in data.columns(split, "label")[0])


def card(data: Dataset) -> dict[str, Any]:
    return dict(json.loads((data.path / "card.json").read_text()))


def dropped(data: Dataset) -> dict[str, int]:
    return {reason: count for reason, count in card(data)["dropped"].items() if count}


def test_a_missing_label_is_missing_in_every_format(curate: Curated, tmp_path: Path) -> None:
    rows = [(f"item number {i}", None if i % 5 == 0 else i % 2) for i in range(50)]
    objects = [{"text": text, "label": NAN if label is None else label} for text, label in rows]
    nulls = [{"text": text, "label": label} for text, label in rows]
    floats = pa.table(
        {
            "text": [t for t, _ in rows],
            "label": pa.array([NAN if v is None else v for _, v in rows], pa.float64()),
        }
    )
    half = floats.set_column(1, "label", floats["label"].cast(pa.float16()))
    for name, written in (
        ("f.parquet", floats),
        ("h.parquet", half),
        ("n.parquet", pa.Table.from_pylist(nulls)),
    ):
        pq.write_table(written, tmp_path / name)
    files: dict[str, Any] = {
        "a.csv": "text,label\n" + "".join(f"{t},{'' if v is None else v}\n" for t, v in rows),
        "a.tsv": "text\tlabel\n" + "".join(f"{t}\t{' ' if v is None else v}\n" for t, v in rows),
        "a.jsonl": "".join(json.dumps(one) + "\n" for one in objects),
        "b.jsonl": "".join(json.dumps(one) + "\n" for one in nulls),
        "a.json": json.dumps(objects),
        **{name: (tmp_path / name).read_bytes() for name in ("f.parquet", "h.parquet", "n.parquet")},
    }
    for name, content in files.items():
        data = curate({"all": {name: content}})
        assert dropped(data) == {"no label": 10}, name
        assert len(labels_of(data)) == 2, name


def test_the_word_nan_is_a_word(curate: Curated) -> None:
    content = (
        "text,label\n" + "".join(f"item {i},{('nan', 'NA', 'null')[i % 3]}\n" for i in range(60)) + "nan,NA\n"
    )
    data = curate({"all": {"a.csv": content}})
    assert labels_of(data) == ["NA", "nan", "null"]
    assert "nan" in [text for split in data.splits for text in data.columns(split, "text")[0]]


def test_missing_texts_groups_and_sources(curate: Curated) -> None:
    rows: list[dict[str, Any]] = [
        {
            "text": f"item {i}",
            "label": "ab"[i % 2],
            "doc": (NAN, None, "", " ")[i % 4],
            "from": (NAN, None, " ")[i % 3],
        }
        for i in range(60)
    ]
    rows += [{"text": NAN, "label": "a", "doc": 1, "from": "web"}]
    data = curate(
        {"all": {"a.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}}, group="doc", source="from"
    )
    assert dropped(data) == {"no text": 1}
    assert set(data.columns("train", "source")[0]) == {"all"}
    assert [len(data.columns(split, "id")[0]) for split in ("train", "validation", "test")] == [42, 6, 12]


def test_a_missing_rating_is_no_mistake(curate: Curated) -> None:
    data = curate({"all": jsonl([1, 5, NAN, 4.5, 2])}, bins={"low": "< 3", "high": ">= 3"})
    assert dropped(data) == {"no label": 10}
    with pytest.raises(BadRequest, match=r"a\.csv:2: the rating 'nan' is not a number"):
        curate({"all": {"a.csv": "text,label\none,nan\n"}}, bins={"low": "< 3", "high": "else"})


def test_a_document_is_one_group_however_its_number_is_written(curate: Curated, tmp_path: Path) -> None:
    def table(numbers: Any, word: str) -> bytes:
        texts = [f"{word} text {i}" for i in range(len(numbers))]
        pq.write_table(
            pa.table({"text": texts, "label": ["ab"[i % 2] for i in range(len(texts))], "doc": numbers}),
            tmp_path / "t.parquet",
        )
        return (tmp_path / "t.parquet").read_bytes()

    documents = [i // 4 for i in range(80)]
    files = {
        "a.parquet": table(pa.array(documents, pa.int64()), "one"),
        "b.parquet": table(pa.array([*map(float, documents)], pa.float64()), "two"),
    }
    data = curate({"all": files}, group="doc")
    where: dict[int, set[str]] = {}
    for split in data.splits:
        for text in data.columns(split, "text")[0]:
            where.setdefault(documents[int(text.split()[-1])], set()).add(split)
    assert len(where) == 20
    assert all(len(splits) == 1 for splits in where.values())


ALIKE = [
    "caf\u00e9",
    "cafe\u0301",
    "caf\u00e9\u200b",
    "\ufeffcaf\u00e9",
    "re fund",
    "re\u00a0fund",
    "re\u3000 fund",
    "re fund\u200e",
]


def test_labels_are_normalised_like_texts(curate: Curated) -> None:
    data = curate({"all": jsonl(ALIKE)})
    assert counts(data) == {"caf\u00e9": 40, "re fund": 40}
    assert card(data)["changed"] == {"label normalised": 60}
    kept = curate({"all": jsonl(ALIKE)}, normalise=False)
    assert len(labels_of(kept)) == len(ALIKE)
    emoji = ["\U0001f469\u200d\U0001f52c", "\U0001f469"]
    assert labels_of(curate({"all": jsonl(emoji)})) == sorted(emoji)


def test_a_label_of_signs_that_nobody_sees_is_none(curate: Curated) -> None:
    assert dropped(curate({"all": jsonl(["a", "b", "c", "d", "\u200b"])})) == {"no label": 10}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, "0", 0.0, "0.0", 1, "1.0"], {"0": 40, "1": 20}),
        ([0.0, 1.0], {"0.0": 10, "1.0": 10}),
        ([-1, "-1.0", 2], {"-1": 20, "2": 10}),
        ([0, -0.0, 5], {"0": 20, "5": 10}),
        (["1.10", "1.1"], {"1.10": 10, "1.1": 10}),
        (["01", "1"], {"01": 10, "1": 10}),
        ([False, True], {"False": 10, "True": 10}),
        ([0.5, "0.5", "1"], {"0.5": 20, "1": 10}),
    ],
)
def test_equal_numbers_are_one_label(curate: Curated, labels: list[Any], expected: dict[str, int]) -> None:
    data = curate({"all": jsonl(labels)})
    assert counts(data) == expected
    assert labels_of(data) == sorted(expected)
    assert data.summary["rows"] == sum(card(data)["splits"][split]["rows"] for split in data.splits)
    for split in data.splits:
        assert card(data)["splits"][split]["labels"] == counts(data, split)


def test_numbers_of_two_inputs_are_one_label(curate: Curated) -> None:
    data = curate({"train": jsonl(["0.0", "1.0"], 20), "test": jsonl([0, 1], word="exam")})
    assert labels_of(data) == ["0", "1"]
    assert card(data)["changed"] == {"label number shortened": 40}
    assert counts(data, "test") == {"0": 10, "1": 10}
    ids = [id_ for split in data.splits for id_ in data.columns(split, "id")[0]]
    assert len(set(ids)) == 60


def test_a_text_with_one_number_in_two_forms_is_a_duplicate(curate: Curated) -> None:
    more = {"b.jsonl": '{"text": "item number 0", "label": 0.0}\n'}
    data = curate({"all": jsonl(["0", "1"]) | more})
    assert dropped(data) == {"duplicate": 1}


def test_numbers_are_joined_in_every_run_on_disk(curate: Curated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slmworks_text.rows_on_disk.ROWS", 7)
    mixed = curate({"all": jsonl([0, "0", 1, "1.0"])})
    assert counts(mixed) == {"0": 20, "1": 20}


def test_labels_as_a_mapping(curate: Curated) -> None:
    names = {"2": "Sports", "1": "World", "4": "World"}
    data = curate({"all": jsonl([1, "1.0", "2", 3, 4])}, labels=names)
    assert labels_of(data) == ["Sports", "World"]
    assert counts(data) == {"World": 30, "Sports": 10}
    assert dropped(data) == {"label not listed": 10}
    assert "labels" in data.meta


@pytest.mark.parametrize(
    ("labels", "option", "expected"),
    [
        ([True, False], {"true": "yes", "false": "no"}, {"yes": 10, "no": 10}),
        ([True, False], ["False", "True"], {"False": 10, "True": 10}),
        (["0", "0.0", "1"], ["0", "0.0", "1"], {"0": 10, "0.0": 10, "1": 10}),
        ([0, 1], ["0.0", "1.0"], {"0.0": 10, "1.0": 10}),
        (["cafe\u0301", "tea\u200b"], ["caf\u00e9", "tea"], {"caf\u00e9": 10, "tea": 10}),
        (["caf\u00e9", "tea"], ["cafe\u0301", "tea"], {"cafe\u0301": 10, "tea": 10}),
        (["cat", "CAT", "dog"], {"cat": "cat", "CAT": "cat", "dog": "dog"}, {"cat": 20, "dog": 10}),
        (["R&amp;D", "x"], ["R&amp;D", "x"], {"R&amp;D": 10, "x": 10}),
    ],
)
def test_values_in_files_meet_the_names_of_the_options(
    curate: Curated, labels: list[Any], option: Any, expected: dict[str, int]
) -> None:
    data = curate({"all": jsonl(labels)}, labels=option)
    assert counts(data) == expected
    assert labels_of(data) == list(dict.fromkeys(option.values() if isinstance(option, dict) else option))


def test_a_mapping_names_bins_too(curate: Curated) -> None:
    bins = {"low": "< 3", "mid": "== 3", "high": "> 3"}
    data = curate({"all": jsonl([1, 3, 5])}, bins=bins, labels={"high": "good", "low": "bad"})
    assert labels_of(data) == ["good", "bad"]
    assert dropped(data) == {"label not listed": 10}


@pytest.mark.parametrize("option", [5, {"1": ""}, [1], {"1": 2}, "cat"])
def test_other_forms_of_labels_are_refused(option: Any) -> None:
    with pytest.raises(
        OptionError, match="labels: expected a list of labels, or a mapping of values in the files"
    ):
        configure(CurateText, "text", {"labels": option})


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (["a", "b"], ["c"], r"label 'c' is in test and not in train \(there are: 'a', 'b'\); it cannot be learnt\. Give .* list the labels to keep with labels, or map"),
        (["cat", "dog"], ["CAT"], r"label 'CAT' is in test and not in train, which has 'cat'; .* labels, a mapping of every value, such as \{CAT: cat\}"),
        (["c\u0430t", "dog"], ["cat"], r"label 'cat' is in test and not in train \(there are: 'c\\u0430t', 'dog'\)"),
    ],
)  # fmt: skip
def test_a_label_that_train_lacks_has_a_way_out(
    curate: Curated, train: list[str], test: list[str], message: str
) -> None:
    with pytest.raises(BadRequest, match=message) as caught:
        curate({"train": jsonl(train), "test": jsonl(test, 3, "exam")})
    assert "\n" not in str(caught.value)


def test_what_cannot_be_seen_is_escaped(curate: Curated) -> None:
    with pytest.raises(
        BadRequest, match=r"label 'a\\u200b' is in test and not in train \(there are: 'a', 'b'\)"
    ):
        curate({"train": jsonl(["a", "b"]), "test": jsonl(["a\u200b"], 3, "exam")}, normalise=False)
    assert [spelt(one) for one in ("caf\u00e9", "cafe\u0301", "x\ny", "\u043a\u043e\u0442", "\u0915\u093e")] == [
        "caf\u00e9", "cafe\\u0301", "x\\ny", "\u043a\u043e\u0442", "\u0915\u093e",
    ]  # fmt: skip


def test_equal_numbers_only_where_there_are_two_forms() -> None:
    assert equal_numbers(["0.0", "1.0"]) == {}
    assert equal_numbers(["0", "0.0", "2.0", "01", "1.00", "x"]) == {"0.0": "0"}
    assert equal_numbers(["1.0", "1.00", "1.50", "-2", "-2.000"]) == {"1.0": "1", "1.00": "1", "-2.000": "-2"}


@pytest.mark.parametrize(
    ("labels", "count", "message"),
    [
        (["cat", "cat", "CAT", "dog"], 12, r"labels that differ by case only: 'cat' \(\d+\), 'CAT' \(\d+\); make them one with labels, .* such as \{CAT: cat\}"),
        (["false", False, True], 20, "labels that differ by case only: 'False'"),
        ([0, 1, False, True], 20, r"labels are truth values and numbers: .*; if they mean the same"),
        (["cat", "dog", "cat|dog"], 20, r"labels that look like several: 'cat\|dog' \(20\); a row has one label here"),
        (["cat;dog", "cat;cow"], 20, "labels that look like several: 'cat;cow'"),
        (["cat", "dog", "dog, cat"], 20, "labels that look like several: 'dog, cat'"),
        (["['cat', 'dog']", "cat"], 20, "labels that look like several"),
        ([round(0.5 + i / 2, 1) for i in range(11)], 20, "the 11 labels look like numbers; make classes of them with bins"),
        (["a", "b", "NA"], 20, r"labels that may stand for a missing value: 'NA' \(20\); they are words here"),
        (["a", "null", "\\N"], 20, r"missing value: '\\N' \(20\), 'null' \(20\)"),
        (["1", "١", "2"], 20, r"labels that look alike: '1' \(20\), '١' \(20\)"),
        (["❤\ufe0f", "❤", "x"], 20, "labels that look alike"),
        (["don't", "don\u2019t", "x"], 20, "labels that look alike"),
        (["a"] * 20 + ["b"], 6, r"train has fewer than 10 rows of 'b' \(4\): hardly enough to be learnt"),
        (["a"] * 20 + ["b"], 5, r"test has fewer than 3 rows of 'b' \(\d\): hardly enough to be measured"),
    ],
)  # fmt: skip
def test_doubtful_labels_are_told(curate: Curated, labels: list[Any], count: int, message: str) -> None:
    data = curate({"all": jsonl(labels, count)})
    assert len([one for one in data.summary["warnings"] if re.search(message, one)]) == 1
    assert card(data)["warnings"] == data.summary["warnings"]


@pytest.mark.parametrize(
    "labels",
    [
        ["positive", "negative"], ["a/b", "c/d"], ["Paris, France", "Lyon, France"], [1, 2, 3, 4, 5],
        ["none", "some"], ["ja", "nein", "-"], ["İ", "ı"], ["👍🏻", "👍🏿"], ["01", "1"],
        [0.0, 0.5, 1.0], list(range(77)), ["C++", "C"], ["[PAD]", "x"], ["true", "false"],
    ],
)  # fmt: skip
def test_usual_labels_are_no_reason_to_warn(curate: Curated, labels: list[Any]) -> None:
    data = curate({"all": jsonl(labels, 40)})
    assert "warnings" not in data.summary
    assert "warnings" not in card(data)


def test_numbers_with_few_rows_each_are_told_from_classes(curate: Curated) -> None:
    with pytest.raises(
        BadRequest, match=r"too few rows .*'0\.0' \(1\).*the labels look like numbers: use bins"
    ):
        curate({"all": jsonl([i / 1000 for i in range(300)], 1)})
    with pytest.raises(BadRequest, match=r"too few rows .*'0' \(1\).*the labels look like numbers: use bins"):
        curate({"all": jsonl(list(range(100)), 1)})
    with pytest.raises(BadRequest, match="too few rows .*add rows, or list the labels"):
        curate({"all": jsonl([f"word {i}" for i in range(100)], 1)})


def test_a_list_as_label_is_refused_with_the_reason(curate: Curated) -> None:
    with pytest.raises(
        BadRequest, match=r"the label is a list, not text \(several labels a row are not offered\)"
    ):
        curate({"all": jsonl([["cat", "dog"]])})


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["no", "yes", "yes", "yes"], "2 (yes 75 %, no 25 %)"),
        (["a"] * 200 + ["b"], "2 (a 100 %, b 0.5 %)"),
        ([f"label {i}" for i in range(6)], "6 (label 0 17 % to label 5 17 %)"),
        (["\U0001f469\u200d\U0001f52c", "a\ufffe"], "2 (a\\ufffe 50 %, \U0001f469\u200d\U0001f52c 50 %)"),
        (["x" * 40, "y"], f"2 ({'x' * 23}… 50 %, y 50 %)"),
    ],
)
def test_the_summary_names_labels_and_their_balance(curate: Curated, labels: list[str], words: str) -> None:
    data = curate({"all": jsonl(labels, 20)})
    assert data.summary["labels"] == words


def test_the_line_of_the_terminal(curate: Curated) -> None:
    from slmworks.contract.manifest import Manifest
    from slmworks.engines.lines import summary_words

    rows = jsonl(["no", "yes", "yes", None, "no"], 12)
    data = curate({"all": rows | {"b.jsonl": rows["a.jsonl"]}})
    manifest = Manifest.model_construct(summary=data.summary, files=())
    assert summary_words(manifest).startswith(
        "rows in 120 · rows 48 · labels 2 (no 50 %, yes 50 %) · left out duplicate 48, no label 24 · redacted 0"
    )


def test_warnings_are_lines_of_the_task(tmp_path: Path) -> None:
    (tmp_path / "raw" / "all").mkdir(parents=True)
    (tmp_path / "raw" / "all" / "a.jsonl").write_text(jsonl(["cat", "cat", "CAT", "dog"], 20)["a.jsonl"])
    said: list[dict[str, Any]] = []
    task = replace(Bench(tmp_path / "bench").task("curate"), emit=said.append)
    made = CurateText().run(data=Files(path=tmp_path / "raw"), task=task)
    lines = [event["line"] for event in said if event["event"] == "line"]
    assert lines == [f"warning: {sentence}." for sentence in made.summary["warnings"]]
    assert len(lines) == 1


def test_a_word_that_is_asked_for_is_meant(curate: Curated) -> None:
    data = curate({"all": jsonl(["a", "b", "NA"], 20)}, labels=["a", "b", "NA"])
    assert "warnings" not in data.summary


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_a_rating_is_the_number_that_it_is_written_as(
    curate: Curated, tmp_path: Path, kind: pa.DataType
) -> None:
    ratings = [None if i < 3 else 0.1 if i % 2 else 0.7 for i in range(43)]
    table = pa.table({"text": [f"word {i}" for i in range(43)], "label": pa.array(ratings, kind)})
    pq.write_table(table, tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    binned = curate({"all": {"a.parquet": content}}, bins={"low": "<= 0.1", "high": "> 0.1"})
    assert counts(binned) == {"low": 20, "high": 20}
    assert counts(curate({"all": {"a.parquet": content}})) == {"0.1": 20, "0.7": 20}
