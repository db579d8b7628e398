"""Tab-separated files: quoted as pandas and Excel write them, or with quotation marks that are text."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks_text.quoting import Quoting

Curated = Callable[..., Dataset]
HEAD = "text\tlabel\n"


def written(rows: list[tuple[str, ...]], **dialect: Any) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter="\t", lineterminator="\n", **dialect).writerows([("text", "label"), *rows])
    return out.getvalue()


def rows(count: int = 30) -> list[tuple[str, str]]:
    """Texts with quotation marks, line ends and tabs, as people write them."""
    forms = [
        'she said "item {i}", twice',
        "item {i}\nsecond line",
        "plain item {i}",
        'a\ttab and "marks" {i}',
    ]
    return [(forms[i % 4].format(i=i), "ab"[i % 2]) for i in range(count)]


def pairs(data: Dataset) -> list[tuple[str, ...]]:
    return sorted(
        pair for split in data.splits for pair in zip(*data.columns(split, "text", "label"), strict=True)
    )


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_a_writer_quoted_comes_back(curate: Curated, quoting: int, end: str) -> None:
    content = written(rows(), quoting=quoting).replace("\n", end)
    data = curate({"all": {"a.tsv": content}})
    assert pairs(data) == sorted((" ".join(text.split()), label) for text, label in rows())
    assert "warnings" not in data.summary


def test_a_file_without_quoting_is_read_as_it_stands(curate: Curated) -> None:
    found = [
        *((f'"Great movie number {i}"', "a") for i in range(9)),
        *((f'he said "hi" to {i}', "b") for i in range(9)),
        ('"I went there.', "a"),
        ('It was great."', "b"),
    ]
    content = HEAD + "".join("\t".join(row) + "\n" for row in found)
    assert pairs(curate({"all": {"a.tsv": content}})) == sorted(found)


@pytest.mark.parametrize(
    ("content", "quoted"),
    [
        (HEAD + 'he said "hi"\ta\n', False),
        (HEAD + '"Great movie"\ta\n"Bad one"\tb\n', False),
        (HEAD + '"I went there.\tpos\nIt was great."\tneg\n', False),
        (HEAD + '"never closed\tb\nx\ta\n', False),
        (HEAD + '"closed too early" she said\tb\n', False),
        ('text\n"a"\n"b"\n', False),
        (HEAD + '"I went\tpos\nthere, torn\nIt was great."\tneg\n', False),
        (HEAD + '"a, b"\tx\n' * 10 + "un, quoted\tz\n", False),
        (HEAD + '"a, b"\tx\n' * 10 + '"a literal quotation"\tz\n', False),
        (HEAD + '"a, b"\tx\n' * 9, False),
        ("", False),
        (HEAD + '"he said ""hi"" to"\ta\nplain\tb\n', True),
        (HEAD + '"first line\nsecond"\ta\nplain\tb\n', True),
        (HEAD + '"first line\n\n""third""\tx"\ta\nplain\tb\n', True),
        (HEAD + 'plain\tb\n"a\tb"\ta\n', True),
        ('"text"\t"label"\n"Great movie"\t1\n', True),
        (HEAD + '"a, b"\tx\n' * 10 + "plain\tz\n", True),
        (HEAD + '"a tab\tand\na line end"\tx\n"said ""so"""\tx\n', True),
    ],
)
def test_what_a_file_shows(content: str, quoted: bool) -> None:
    found = Quoting("\t")
    found.read(io.StringIO(content, newline=""))
    assert found.quoted == quoted


@pytest.mark.parametrize(("second", "quoted"), [("1", False), ('"1"', True)])
def test_without_a_header_line_every_value_must_be_quoted(second: str, quoted: bool) -> None:
    found = Quoting("\t", width=2)
    found.read(io.StringIO(f'"a b"\t{second}\n"c d"\t{second}\n', newline=""))
    assert found.quoted == quoted


MIXED = HEAD + "".join(f'"he said ""no {i}"""\ta\nbare " mark {i}\tb\n' for i in range(10))


def test_quoted_and_bare_marks_in_one_file_are_told(curate: Curated) -> None:
    data = curate({"all": {"a.tsv": MIXED}})
    assert data.summary["warnings"] == [
        "all/a.tsv: some values are written in quotation marks and others hold bare ones (line 3); "
        "all are read as they stand; set quotes to on or off",
        *data.summary["warnings"][1:],
    ]
    assert ('"he said ""no 3"""', "a") in pairs(data)
    assert not any(
        "quotes" in line for line in curate({"all": {"a.tsv": MIXED}}, quotes="off").summary["warnings"]
    )


def test_of_many_doubtful_files_some_are_named(curate: Curated) -> None:
    files = {f"{i}.tsv": MIXED.replace("no", f"no {i}") for i in range(5)}
    found = [one for one in curate({"all": files}).summary["warnings"] if "quot" in one or "files" in one]
    assert [one.partition(":")[0] for one in found] == [
        "all/0.tsv",
        "all/1.tsv",
        "all/2.tsv",
        "files like these",
    ]
    assert found[-1] == "files like these: 2 more"


def test_quotes_on_and_off(curate: Curated) -> None:
    literal = HEAD + "".join(f'"text number {i}"\t{"ab"[i % 2]}\n' for i in range(20))
    assert ('"text number 3"', "b") in pairs(curate({"all": {"a.tsv": literal}}))
    assert ("text number 3", "b") in pairs(curate({"all": {"a.tsv": literal}}, quotes="on"))
    bare = literal.replace("\t", ",").replace('"text number 7"', 'a 7" screen')
    own = {"all": {"quotes": "off"}}
    assert ('a 7" screen', "b") in pairs(curate({"all": {"a.csv": bare}}, inputs=own))
    torn = 'text,label\n"he said "hi" now",a\n'
    with pytest.raises(BadRequest, match=r"a\.csv:2: .*where they enclose no values, set quotes: off"):
        curate({"all": {"a.csv": torn}})


def test_a_row_that_quoting_would_explain_names_the_option(curate: Curated) -> None:
    content = written(rows())
    with pytest.raises(
        BadRequest, match=r"a\.tsv:3 has 1 value, not 2 \(where .* enclose values, set quotes: on\)"
    ):
        curate({"all": {"a.tsv": content}}, quotes="off")
    assert pairs(curate({"all": {"a.tsv": content}}, quotes="on")) == pairs(
        curate({"all": {"a.tsv": content}})
    )
