"""`curate/text` as its user sees it: files in; splits, card and counts out; one line for each mistake."""

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks_text.curate import CurateText

Curated = Callable[..., Dataset]
SHARED = Path(os.environ.get("SLMWORKS_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def csv(rows: list[tuple[str, ...]], header: str = "text,label") -> str:
    return "\n".join([header, *(",".join(row) for row in rows)]) + "\n"


def many(count: int, *labels: str, word: str = "sample") -> list[tuple[str, ...]]:
    return [(f"{word} number {i} about {label}", label) for label in labels for i in range(count)]


def texts(data: Dataset, split: str) -> list[str]:
    return list(data.columns(split, "text")[0])


def card(data: Dataset) -> dict[str, Any]:
    return dict(json.loads((data.path / "card.json").read_text()))


def dropped(data: Dataset) -> dict[str, int]:
    return {reason: count for reason, count in card(data)["dropped"].items() if count}


def test_pool_is_split_and_stratified(curate: Curated) -> None:
    data = curate({"all": {"a.csv": csv(many(100, "yes", "no") + many(10, "maybe"))}})
    assert data.splits == ("test", "train", "validation")
    assert labels_of(data) == ["maybe", "no", "yes"]
    for split, each in (("train", 70), ("validation", 10), ("test", 20)):
        counts = Counter(data.columns(split, "label")[0])
        assert counts["yes"] == pytest.approx(each, abs=1)
        assert counts["no"] == pytest.approx(each, abs=1)
        assert counts["maybe"] == pytest.approx(each / 10, abs=1)
        assert counts["maybe"] > 0
    assert data.summary["rows_in"] == data.summary["rows"] == 210
    (ids,) = data.columns("train", "id")
    assert ids == sorted(set(ids))
    assert data.columns("train", "source")[0] == ["all"] * len(ids)


def test_same_bytes_same_digest_and_seed_changes_the_split(curate: Curated) -> None:
    inputs = {"all": {"a.csv": csv(many(50, "yes", "no"))}}
    first, second = curate(inputs, near_duplicates=0.8), curate(inputs, near_duplicates=0.8)
    assert first.digest == second.digest
    assert curate(inputs, near_duplicates=0.8, seed=1).digest != first.digest


def test_given_test_set_is_kept_and_train_is_cleaned_of_it(curate: Curated) -> None:
    train = [
        *many(20, "yes", "no"),
        ("One exam question in here", "yes"),
        ("a very long exam sentence with many words to see", "no"),
    ]
    exam = [("one exam question in here", "yes"), ("one exam question in here", "yes")]
    exam.append(("a very long exam sentence with many words to see again", "no"))
    data = curate({"train": {"a.csv": csv(train)}, "test": {"b.csv": csv(exam)}}, near_duplicates=0.7)
    assert sorted(texts(data, "test")) == sorted(text for text, _ in exam)
    assert dropped(data) == {"equal to a test row": 1, "near a test row": 1}
    assert not any("exam" in text for split in ("train", "validation") for text in texts(data, split))


def test_duplicates_and_conflicting_labels(curate: Curated) -> None:
    rows = [*many(20, "yes", "no"), ("same", "yes"), ("SAME", "yes"), ("both", "yes"), ("both", "no")]
    data = curate({"all": {"a.csv": csv(rows)}})
    everything = [text.lower() for split in data.splits for text in texts(data, split)]
    assert everything.count("same") == 1
    assert "both" not in everything
    assert dropped(data) == {"duplicate": 1, "conflicting labels": 2}


COPIED = [
    "hello the fridge that I bought in your shop last week has not been shipped so my order number is",
    "您好我上周在贵店购买的冰箱到现在还没有发货请尽快处理订单号",
    "先週お店で買った冷蔵庫がまだ届いていません早く送ってください注文番号は",
    "ตู้เย็นที่ฉันซื้อจากร้านของคุณเมื่อสัปดาห์ที่แล้วยังไม่ได้จัดส่งหมายเลขคำสั่งซื้อ",
    "मैंने पिछले सप्ताह आपकी दुकान से जो फ्रिज खरीदा वह अब तक नहीं आया कृपया जल्दी भेजें ऑर्डर नंबर",
    "המקרר שקניתי בחנות שלכם בשבוע שעבר עדיין לא נשלח בבקשה טפלו בזה מהר מספר ההזמנה",
    "الثلاجة التي اشتريتها من متجركم الأسبوع الماضي لم تصل بعد أرجو إرسالها بسرعة رقم الطلب",
]


@pytest.mark.parametrize("stem", COPIED)
def test_copies_that_differ_in_a_number_are_found_in_every_script(stem: str, curate: Curated) -> None:
    rows = [*many(20, "yes", "no"), *((f"{stem} {1000 + i}", "yes") for i in range(40))]
    exam = [(f"{stem} {2000 + i}", "no") for i in range(20)]
    assert dropped(curate({"all": {"a.csv": csv(rows)}}, near_duplicates=0.8)) == {"near duplicate": 39}
    given = curate({"train": {"a.csv": csv(rows)}, "test": {"b.csv": csv(exam)}}, near_duplicates=0.8)
    assert dropped(given) == {"near a test row": 40}


def test_texts_that_differ_in_vowel_signs_all_stay(curate: Curated) -> None:
    signs = ["", *"ािीुूेैोौ"]
    rows = [
        (f"क{a}ल म{b}ल का बिल कब आएगा", ("yes", "no")[(i + j) % 2])
        for i, a in enumerate(signs) for j, b in enumerate(signs)
    ]  # fmt: skip
    data = curate({"all": {"a.csv": csv(rows)}}, near_duplicates=0.8)
    assert dropped(data) == {}
    assert data.summary["rows"] == 100


def test_near_duplicates_of_two_labels_stay_in_one_split(curate: Curated) -> None:
    pairs = []
    for i in range(30):
        stem = f"topic{i} " + " ".join(f"w{i}x{j}" for j in range(20))
        pairs += [(stem + " good", "yes"), (stem + " bad", "no"), (stem + " fine", "yes")]
    data = curate({"all": {"a.csv": csv(pairs)}}, near_duplicates=0.8)
    where = {text: split for split in data.splits for text in texts(data, split)}
    assert dropped(data) == {"near duplicate": 30}
    for text, split in where.items():
        assert {where[other] for other in where if other.split()[0] == text.split()[0]} == {split}


def test_groups_stay_together_but_not_across_inputs(curate: Curated) -> None:
    def rows(word: str) -> str:
        found = [
            (f"{doc}_{i}", f"{word} text {doc} {i}", "yes" if (doc + i) % 2 else "no")
            for doc in range(30)
            for i in range(6)
        ]
        return csv(found, "id,text,label")

    data = curate({"one": {"a.csv": rows("ab")}, "two": {"b.csv": rows("cd")}}, group="id", group_prefix="_")
    split_of: dict[tuple[str, str], set[str]] = {}
    for split in data.splits:
        for text, source in zip(*data.columns(split, "text", "source"), strict=True):
            split_of.setdefault((source, text.split()[2]), set()).add(split)
    assert len(split_of) == 60
    assert all(len(splits) == 1 for splits in split_of.values())
    assert 45 <= len(texts(data, "test")) <= 95


def test_rows_without_a_group_are_split_one_by_one(curate: Curated) -> None:
    rows = many(30, "yes", "no")
    plain = curate({"all": {"a.csv": csv(rows)}})
    table = csv([("", *row) for row in rows], "doc,text,label")
    objects = [{"doc": (None, " ", "_7")[i % 3], "text": t, "label": la} for i, (t, la) in enumerate(rows)]
    for file, content in (("a.csv", table), ("a.jsonl", "\n".join(map(json.dumps, objects)))):
        data = curate({"all": {file: content}}, group="doc", group_prefix="_")
        sizes = [len(texts(data, split)) for split in plain.splits]
        assert sizes == [len(texts(plain, split)) for split in plain.splits]


def test_half_a_surrogate_pair_is_refused_in_every_column(curate: Curated) -> None:
    good = [{"text": text, "label": label, "doc": "1"} for text, label in many(5, "yes", "no")]
    for column in ("text", "label", "doc"):
        rows = [*good, {**good[0], column: "\ud800"}]
        with pytest.raises(BadRequest, match=r"all/a\.jsonl#10: .*half of a surrogate pair \('\\ud800'\)"):
            curate({"all": {"a.jsonl": "\n".join(map(json.dumps, rows))}}, group="doc", normalise=False)


def test_ratings_without_header_and_transfer(curate: Curated) -> None:
    labelled = "\n".join(
        f'{i}\t{rating}\tproduct {i} was "quoted\n'.strip("\n")
        for i, rating in enumerate([-3, -0.5, 0.4, 0.5, 3] * 6)
    )
    news = "\n".join(f"{i}\t\tnews item {i}" for i in range(20)) + '\n0\t\tproduct 3 was "quoted'
    data = curate(
        {"shop": {"a.txt": labelled}, "news": {"n.txt": news}},
        format="tsv", columns=["id", "rating", "text"], label="rating", transfer=["news"], transfer_rows=15,
        bins={"negative": "<= -0.5", "neutral": "> -0.5, < 0.5", "positive": ">= 0.5"},
    )  # fmt: skip
    counts = sum(
        (Counter(data.columns(split, "label")[0]) for split in ("train", "validation", "test")), Counter()
    )
    assert counts == {"negative": 12, "neutral": 6, "positive": 12}
    assert data.columns("transfer", "label")[0] == [None] * 15
    assert not any(text.startswith("product") for text in texts(data, "transfer"))
    assert dropped(data) == {"equal to a labelled row": 1, "more than transfer_rows": 5}
    assert any('was "quoted' in text for text in texts(data, "train"))


def test_formats_agree(curate: Curated, tmp_path: Path) -> None:
    import gzip

    rows = many(10, "yes", "no")
    objects = [{"text": text, "label": label} for text, label in rows]
    table = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pylist(objects), table)
    files: dict[str, bytes] = {
        "a.csv": csv(rows).encode(),
        "a.csv.gz": gzip.compress(csv(rows).encode()),
        "a.tsv": csv(rows).replace(",", "\t").encode(),
        "a.jsonl": "\n".join(map(json.dumps, objects)).encode(),
        "a.json": json.dumps(objects).encode(),
        "a.parquet": table.read_bytes(),
    }
    found = []
    for name, content in files.items():
        data = curate({"all": {name: content}})
        found.append(
            sorted(
                (t, la) for s in data.splits for t, la in zip(*data.columns(s, "text", "label"), strict=True)
            )
        )
    assert found == [sorted(rows)] * len(files)


def test_json_object_with_a_key_an_input(curate: Curated) -> None:
    content = json.dumps(
        {"train": many(10, "a", "b"), "val": many(3, "a", "b", word="v"), "test": many(3, "a", "b", word="t")}
    )
    options = {"train": {"key": "train"}, "validation": {"key": "val"}, "test": {"key": "test"}}
    inputs = {name: {"d.json": content} for name in options}
    data = curate(inputs, columns=["text", "label"], inputs=options)
    assert [len(texts(data, split)) for split in ("train", "validation", "test")] == [20, 6, 6]
    with pytest.raises(BadRequest, match="set key to the entry that holds the rows. Did you mean 'test'"):
        curate(inputs, columns=["text", "label"], inputs={**options, "test": {"key": "tets"}})


def test_normalise_redact_and_length(curate: Curated) -> None:
    rows = [
        *many(10, "yes", "no"),
        ("itâ€™s   fine &amp; good", "yes"),
        ("write to ann@example.org now", "no"),
        ("x", "no"),
        ("", "no"),
        ("no label here", ""),
        ("long " * 50, "yes"),
    ]
    data = curate({"all": {"a.csv": csv(rows)}}, redact=["email"], min_chars=2, max_chars=100)
    everything = [text for split in data.splits for text in texts(data, split)]
    assert "it’s fine & good" in everything
    assert "write to <EMAIL> now" in everything
    assert dropped(data) == {"too short": 1, "no text": 1, "no label": 1, "too long": 1}
    assert card(data)["personal_data"] == {"email": 1}
    assert card(data)["changed"]["personal data redacted"] == data.summary["redacted"] == 1
    assert card(data)["rows"] == {"in": 26, "out": 22}


@pytest.mark.parametrize("normalise", [True, False])
def test_capitals_of_other_alphabets_stop_no_redaction(normalise: bool, curate: Curated) -> None:
    rows = [
        *many(10, "yes", "no"),
        ("KD20 İNDİRİMLİ FİYAT", "yes"),
        ("卡号４１１１１１１１１１１１１１１１谢谢", "no"),
    ]
    data = curate({"all": {"a.csv": csv(rows)}}, redact=["iban", "card"], normalise=normalise)
    everything = [text for split in data.splits for text in texts(data, split)]
    assert "KD20 İNDİRİMLİ FİYAT" in everything
    assert "卡号<CARD>谢谢" in everything
    assert card(data)["personal_data"] == {"card": 1}


def test_bad_bytes_are_refused_with_place_and_way_out(curate: Curated) -> None:
    content = csv(many(10, "yes", "no")).encode() + b"caf\xe9 bar,yes\n"
    with pytest.raises(BadRequest, match=r"all/a\.csv:22: byte \d+ \(0xe9\) is not utf-8; .*utf-8-replace"):
        curate({"all": {"a.csv": content}})
    data = curate({"all": {"a.csv": content}}, encoding="utf-8-replace")
    assert card(data)["changed"]["bad bytes replaced"] == 1
    latin = curate({"all": {"a.csv": content}}, encoding="latin-1")
    assert any("café bar" in texts(latin, split) for split in latin.splits)


def test_replaced_bytes_are_counted_by_the_encoding_of_each_input(curate: Curated) -> None:
    good = csv([*many(10, "yes", "no"), ("this \ufffd was there before", "no")])
    bad = csv(many(10, "yes", "no", word="other")).encode() + b"caf\xe9 bar,yes\n"
    inputs: dict[str, dict[str, str | bytes]] = {"good": {"a.csv": good}, "bad": {"b.csv": bad}}
    for common, own in (("utf-8", {"bad": "utf-8-replace"}), ("utf-8-replace", {"good": "utf-8"})):
        options = {name: {"encoding": encoding} for name, encoding in own.items()}
        data = curate(inputs, encoding=common, inputs=options)
        assert card(data)["changed"]["bad bytes replaced"] == 1


def test_labels_order_and_filter_and_source_column(curate: Curated) -> None:
    rows = [
        (f"{text} {i}", label, "web" if i % 2 else "app")
        for i, (text, label) in enumerate(many(10, "b", "a", "c"))
    ]
    data = curate({"all": {"a.csv": csv(rows, "text,label,channel")}}, labels=["b", "a"], source="channel")
    assert labels_of(data) == ["b", "a"]
    assert dropped(data) == {"label not listed": 10}
    assert set(data.columns("train", "source")[0]) == {"web", "app"}


GOOD = csv(many(10, "yes", "no"))


RARE = csv(many(10, "yes", "no") + many(2, "rare"))
ONE_DOCUMENT = csv([("1", *row) for row in many(10, "yes", "no")], "doc,text,label")


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        (GOOD, {"label": "labl"}, r"no column 'labl' \(there are: text, label\)\. Did you mean 'label'"),
        (GOOD, {"text": "utterance"}, r"all/a\.csv: no column 'utterance'.*Set text to the text column"),
        (GOOD, {"group": "doc"}, "no column 'doc'"),
        ("", {}, "the file is empty"),
        ("text,label\n", {}, "no labelled rows to train on: 0 rows read"),
        (csv([("", "yes")] * 4), {}, r"no labelled rows.*\(dropped: 4 no text\)"),
        (csv(many(10, "yes")), {}, "only one label, 'yes', in all 10 rows"),
        (RARE, {}, r"too few rows.*'rare' \(2\)"),
        (GOOD, {"bins": {"low": "< 1", "high": "else"}}, r"a\.csv:2: the rating 'yes' is not a number"),
        (GOOD, {"transfer": ["al"]}, r"with\.transfer: no input named 'al'\. Did you mean 'all'"),
        (GOOD, {"inputs": {"x": {}}}, r"with\.inputs: no input named 'x'"),
        ("{oops", {"format": "jsonl"}, r"all/a\.csv:1: not JSON"),
        ("no", {"format": "parquet"}, "not a Parquet file"),
        ('text,label\n"open,yes\n', {}, "not readable as csv"),
        (GOOD, {"validation": 0.5, "test": 0.5}, "leave nothing for train"),
        (ONE_DOCUMENT, {"group": "doc"}, "the split 'validation' would be empty"),
    ],
)
def test_mistakes(curate: Curated, file: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest, match=message) as caught:
        curate({"all": {"a.csv": file}}, **options)
    assert "\n" not in str(caught.value)


def test_mistakes_in_files(curate: Curated) -> None:
    with pytest.raises(BadRequest, match="its ending names no format"):
        curate({"all": {"a.txt": GOOD}})
    with pytest.raises(BadRequest, match="label 'other' is in test and not in train"):
        curate({"train": {"a.csv": GOOD}, "test": {"b.csv": csv([("what", "other")])}})


@pytest.mark.parametrize(
    ("bins", "message"),
    [
        ({"low": "<= 2", "high": ">= 2"}, "a rating of 2 is both low and high"),
        ({"low": "small", "high": "else"}, "'small' is not a condition"),
        ({"low": "else", "high": "else"}, "only one bin can be 'else'"),
    ],
)
def test_bins_are_checked_with_the_options(bins: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CurateText(bins=bins)


@pytest.mark.skipif(not (SHARED / "banking77").exists(), reason="needs banking77; set SLMWORKS_DATA")
def test_banking77(curate: Curated) -> None:
    train, test = ((SHARED / "banking77" / f"{split}.csv").read_bytes() for split in ("train", "test"))
    data = curate({"train": {"a.csv": train}, "test": {"b.csv": test}}, label="category", near_duplicates=0.8)
    assert len(labels_of(data)) == 77
    assert len(texts(data, "test")) == 3080
    assert not {text.casefold() for text in texts(data, "train")} & {
        text.casefold() for text in texts(data, "test")
    }
    assert set(data.columns("validation", "label")[0]) == set(labels_of(data))


def test_options_of_a_recipe(tmp_path: Path) -> None:
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe

    recipe = """\
name: news
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate:
    uses: text
    from: {data: raw}
    with:
      columns: [class, title, body]
      text: [title, body]
      label: class
      labels: {1: World, 2: Sports}
      delimiter: "\\t"
      quotes: on
      rows: 500
      inputs: {train: {INPUT}}
"""
    (tmp_path / "train.csv").write_text("x")

    def options(given: str) -> Any:
        parsed = Recipe.parse(recipe.replace("INPUT", given), file="r.yaml", folder=tmp_path)
        return plan(parsed).tasks["curate"].options

    found = options("encoding: gb18030")
    assert found["labels"] == {"1": "World", "2": "Sports"}
    assert (found["text"], found["delimiter"], found["quotes"]) == (["title", "body"], "\t", "on")
    with pytest.raises(
        BadRequest, match=r"r\.yaml:15 .*inputs: train\.lable: no such key\. Did you mean 'label'\?"
    ):
        options("lable: x")
    with pytest.raises(
        BadRequest, match=r"r\.yaml:15 .*train\.encoding: not an encoding of text that Python knows"
    ):
        options("encoding: gkb")
