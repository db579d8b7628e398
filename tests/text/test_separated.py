"""csv files as spreadsheets write them: delimiters, `sep=`, rows of a wrong width."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest

Curated = Callable[..., Dataset]


def table(sign: str = ",", *, end: str = "", head: str = "text,label", count: int = 40) -> str:
    lines = [head.replace(",", sign), *(f"item number {i}{sign}{'ab'[i % 2]}{end}" for i in range(count))]
    return "\n".join(lines) + "\n"


def texts(data: Dataset) -> list[str]:
    return sorted(text for split in data.splits for text in data.columns(split, "text")[0])


def card(data: Dataset) -> dict[str, Any]:
    return dict(json.loads((data.path / "card.json").read_text()))


PLAIN = sorted(f"item number {i}" for i in range(40))


@pytest.mark.parametrize("sign", [";", "|", "\t", "^", ":"])
def test_any_delimiter(curate: Curated, sign: str) -> None:
    assert texts(curate({"all": {"a.csv": table(sign)}}, delimiter=sign)) == PLAIN
    own = {"all": {"delimiter": sign}}
    assert texts(curate({"all": {"a.tsv": table(sign)}}, inputs=own)) == PLAIN


@pytest.mark.parametrize(("file", "sign"), [("a.csv", ";"), ("a.csv", "|"), ("a.csv", "\t"), ("a.tsv", ",")])
def test_another_delimiter_is_named_in_the_error(curate: Curated, file: str, sign: str) -> None:
    with pytest.raises(BadRequest) as caught:
        curate({"all": {file: table(sign)}})
    assert str(caught.value).endswith(f"by another sign; set delimiter: {json.dumps(sign)}.")
    with pytest.raises(BadRequest) as caught:
        curate({"all": {file: table(sign)}}, columns=["text", "label"])
    assert f":1 has 1 value, not 2 (set delimiter: {json.dumps(sign)})" in str(caught.value)


def test_a_header_that_also_holds_commas_names_its_delimiter(curate: Curated) -> None:
    content = table(";").replace("text;label", "text;price, net;label")
    with pytest.raises(
        BadRequest, match=r'no column \'text\' \(there are: text;price, net;label\).* delimiter: ";"'
    ):
        curate({"all": {"a.csv": content}})


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n', "\ufeffsep=;\r\n", "SEP=;\n"])
def test_the_first_line_of_excel_names_the_delimiter(curate: Curated, first: str) -> None:
    assert texts(curate({"all": {"a.csv": first + table(";")}})) == PLAIN


def test_lines_are_counted_from_the_first_line_of_excel(curate: Curated) -> None:
    content = "sep=;\n" + table(";", count=3) + "one;two;three\n"
    with pytest.raises(
        BadRequest, match=r"all/a\.csv:6 has 3 values, not 2 \(put values that hold ';' in quot"
    ):
        curate({"all": {"a.csv": content}}, max_unusable=0)


def test_an_empty_value_at_the_end_of_every_row(curate: Curated) -> None:
    data = curate({"all": {"a.csv": table(end=",") + "without a label,\n"}})
    assert texts(data) == PLAIN
    assert data.summary["dropped"] == {"no label": 1}
    # Where only some rows have it, it may be a comma of the text.
    some = table() + "ends here,a,\n"
    assert "ends here" not in texts(curate({"all": {"a.csv": some}}))


def test_the_first_row_of_a_wrong_width_is_named(curate: Curated) -> None:
    content = table() + "well, yes,a\nalone\n"
    data = curate({"all": {"a.csv": content}})
    (sentence,) = data.summary["warnings"][:1]
    assert sentence == (
        "rows dropped for a wrong number of columns: 2; the first: all/a.csv:42 has 3 values, not 2 "
        "(put values that hold ',' in quotation marks)"
    )
    assert card(data)["warnings"][0] == sentence
    assert data.summary["left_out"] == "wrong number of columns 2"


@pytest.mark.parametrize("head", ["label, text\n", 'label, "text"\n', "label,text\n"])
def test_blanks_before_quotation_marks(curate: Curated, head: str) -> None:
    content = head + "".join(f'{"ab"[i % 2]}, "item {i}, or more\nsaid ""so"""\n' for i in range(120))
    expected = sorted(f'item {i}, or more said "so"' for i in range(120))
    assert texts(curate({"all": {"a.csv": content}})) == expected
    bare = content.removeprefix(head)
    assert texts(curate({"all": {"a.csv": bare}}, columns=["label", "text"])) == expected


def test_blanks_and_marks_that_are_text_stay(curate: Curated) -> None:
    content = "text,label\n" + "".join(
        f'she said, "no {i}",a\n' if i < 4 else f"item {i},b\n" for i in range(30)
    )
    data = curate({"all": {"a.csv": content + "other,a\n" * 9 + "some,a\nmore,a\nand,a\n"}}, min_chars=1)
    assert data.summary["dropped"] == {"duplicate": 8, "wrong number of columns": 4}
    (sentence, *_) = data.summary["warnings"]
    assert sentence.endswith("a.csv:2 has 3 values, not 2 (a blank stands before a quotation mark)")
    literal = "label,text\n" + "".join(f'{"ab"[i % 2]}, "item {i}"\n' for i in range(30))
    assert '"item 3"' in texts(curate({"all": {"a.csv": literal}}))


def test_rows_that_all_have_a_wrong_width_say_why(curate: Curated) -> None:
    content = "text,label\n" + "".join(f"item {i}, or more,{'ab'[i % 2]}\n" for i in range(20))
    with pytest.raises(
        BadRequest, match=r"no labelled .* wrong width: all/a\.csv:2 has 3 values, not 2 \(put values"
    ):
        curate({"all": {"a.csv": content}})
    lists = "[[1, 2, 3]]"
    with pytest.raises(BadRequest, match=r"a\.json:1 has 3 values, not 2\."):
        curate({"all": {"a.json": lists}}, columns=["text", "label"])


def test_ratings_with_decimal_commas(curate: Curated) -> None:
    content = "text;label\n" + "".join(
        f"item, {i};{('0,5', '-1,25', '3,75', '0,125')[i % 4]}\n" for i in range(40)
    )
    bins = {"low": "<= 0.5", "high": "else"}
    data = curate({"all": {"a.csv": content}}, delimiter=";", bins=bins)
    assert data.summary["labels"] == "2 (low 75 %, high 25 %)"
    with pytest.raises(BadRequest, match=r"a\.csv:2: the rating '1,234' is not a number"):
        curate({"all": {"a.csv": "text;label\nitem;1,234\n"}}, delimiter=";", bins=bins)


def torn(share: int) -> str:
    """A table of which so many of a hundred rows have an unquoted comma."""
    return "text,label\n" + "".join(
        f"item {i}{', and more' if i < share else ''},{'ab'[i % 2]}\n" for i in range(100)
    )


def test_too_many_unusable_rows_are_refused(curate: Curated) -> None:
    assert curate({"all": {"a.csv": torn(30)}}).summary["rows"] == 70
    with pytest.raises(BadRequest) as caught:
        curate({"all": {"a.csv": torn(31)}})
    assert str(caught.value) == (
        "all: 31 of 100 rows can't be used (wrong number of columns 31), more than 30 %. The first of a wrong "
        "width: all/a.csv:2 has 3 values, not 2 (put values that hold ',' in quotation marks). Mend the file or "
        "the options, or allow it with max_unusable."
    )
    assert curate({"all": {"a.csv": torn(60)}}, max_unusable=1).summary["rows"] == 40


def test_unusable_rows_are_counted_for_each_input(curate: Curated) -> None:
    few = "text,label\n" + "".join(f"exam {i},{'ab'[i % 2] if i < 5 else ''}\n" for i in range(10))
    with pytest.raises(
        BadRequest, match=r"^test: 5 of 10 rows can't be used \(no label 5\), more than 30 %\."
    ):
        curate({"train": {"a.csv": table()}, "test": {"b.csv": few}})
    # What is asked for, or there twice, is no loss.
    data = curate({"all": {"a.csv": table() + table()}}, labels=["a", "b"], min_chars=14)
    assert data.summary["dropped"] == {"duplicate": 30, "label not listed": 1, "too short": 20}
    news = {"news": {"n.csv": "text,label\n" + "".join(f"news {i},\n" for i in range(9))}}
    assert curate({"all": {"a.csv": table()}, **news}, transfer=["news"]).summary["transfer"] == 9


def csv_of(head: str, rows: list[str]) -> str:
    return "".join(f"{line}\n" for line in (head, *rows))


ROWS = [f"item number {i},{'ab'[i % 2]}" for i in range(40)]


@pytest.mark.parametrize(
    "content",
    [
        csv_of("text,label", ROWS).replace("\n", "\n   \n"),
        csv_of("text,label", ROWS) + ",\n" * 60,
        csv_of("text,label", ROWS) + " , \r\n" * 60,
        csv_of("", ["", "text,label", *ROWS]),
        csv_of("text,label", ROWS).replace("\n", "\r"),
        "\ufeff" + csv_of('"text","label"', ROWS).replace("\n", "\r\n"),
        csv_of("text,\u200blabel", ROWS),
        csv_of("\ufefftext,label\u00a0", ROWS),
        csv_of(",text,label", [f"{i},{row}" for i, row in enumerate(ROWS)]),
        csv_of("x,text,label,x", [f"0,{row},1" for row in ROWS]),
        csv_of("text,label,,", [f"{row},," for row in ROWS]),
    ],
    ids=[
        "blanks", "empty cells", "blank cells", "empty first", "cr", "bom crlf", "zero width", "no-break",
        "index", "same name twice", "trailing",
    ],
)  # fmt: skip
def test_tables_as_programs_leave_them(curate: Curated, content: str) -> None:
    data = curate({"all": {"a.csv": content}})
    assert texts(data) == PLAIN
    assert data.summary.get("dropped", {}) == {}


def test_a_column_is_found_however_its_accents_are_written(curate: Curated) -> None:
    content = csv_of("te\u0301xt,label", ROWS)
    assert texts(curate({"all": {"a.csv": content}}, text="t\u00e9xt")) == PLAIN
    rows = "".join(
        json.dumps({"te\u0301xt": f"item number {i}", " label": "ab"[i % 2]}) + "\n" for i in range(40)
    )
    assert texts(curate({"all": {"a.jsonl": rows}}, text="t\u00e9xt")) == PLAIN
    both = csv_of("te\u0301xt,t\u00e9xt,label", [f"other {i},{row}" for i, row in enumerate(ROWS)])
    assert texts(curate({"all": {"a.csv": both}}, text="t\u00e9xt")) == PLAIN


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (csv_of("text,label", [f"{i},{row}" for i, row in enumerate(ROWS)]), r":2 has 3 values, not 2 \(put values .*, or name the first column in"),
        (csv_of("text,label", ['"he said \\"hi\\"",a']), r':2: .* double quotes within quotes \(""'),
    ],
)  # fmt: skip
def test_the_cause_is_named(curate: Curated, content: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        curate({"all": {"a.csv": content}})


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("a.jsonl", '[{"text": "a", "label": "b"}, {"text": "c", "label": "d"}]', "first line holds a list of rows.*: json"),
        ("a.jsonl", '[\n {"text": "a", "label": "b"}\n]', "a list over several lines; set format: json"),
        ("a.json", '{"text": "a", "label": "b"}\n{"text": "c", "label": "d"}\n', "one value a line; set format: jsonl"),
        ("a.jsonl", '{"text": "a", "label": "b"},\n', r"a\.jsonl:1: not JSON \(Extra data: line 1 column 28 \(char 27\)\)\."),
    ],
)  # fmt: skip
def test_the_other_form_of_json_is_named(curate: Curated, file: str, content: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        curate({"all": {file: content}})
