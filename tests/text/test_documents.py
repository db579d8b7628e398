"""`curate/documents`: what is read of each kind of file, where chunks end, and files that can't be read."""

import builtins
import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from families import wordpiece
from pdfs import bomb, locked, pdf
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks_text.conversations.token_lengths import Measure, Tokens, Words
from slmworks_text.documents.blocks import Block, Outline
from slmworks_text.documents.chunks import Chunker
from slmworks_text.documents.files import read_document
from slmworks_text.documents.running_lines import without_running_lines
from slmworks_text.documents.sentences import sentences

Curated = Callable[..., Dataset]
ALL = {"validation": 0, "test": 0}
PUMP = """---
title: Pump
---
# Pump P-200

The **pump** moves 40 litres a minute. See [the shop](https://example.com/shop) for prices.

## Electrical

- 230 V
- `50 Hz`

| Part | Number |
|---|---|
| Seal | S-12 |

```
start = now
```

## Care

Replace the seal every 2,000 hours.
"""
PAGE = """<!doctype html><html><head><title>Pump</title><style>p{}</style></head><body>
<header><nav><a href="/">Home</a></nav></header><div>We use cookies.</div>
<main><header><h1>Pump P-200</h1></header><p>It moves <b>40&nbsp;litres</b> a minute.<br>It weighs 12 kg.
<h2>Electrical</h2><ul><li>230 V<li>50 Hz</ul><pre>a = 1
  b = 2</pre><table><tr><th>Part<th>Number<tr><td>Seal<td>S-12</table>
<p hidden>secret</p><script>var a = "<p>no</p>";</script><p>Caf&eacute; &amp; 漢字.</p></main>
<aside>Related</aside><footer>Imprint</footer></body></html>"""


def blocks(tmp_path: Path, name: str, content: str | bytes) -> list[Block]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_document(path, "utf-8", name, Counter())


def words(count: int, first: int = 0) -> str:
    return " ".join(f"word{number}" for number in range(first, first + count))


def rows(data: Dataset, *columns: str) -> list[dict[str, Any]]:
    return [row for split in data.splits for row in data.rows(split, *columns)]


def card(data: Dataset) -> dict[str, Any]:
    return dict(json.loads((data.path / "card.json").read_text()))


def test_markdown_is_read_without_its_marks_and_with_its_headings(tmp_path: Path) -> None:
    found = blocks(tmp_path, "pump.md", PUMP)
    assert [(block.kind, block.text) for block in found] == [
        ("heading", "Pump P-200"),
        ("text", "The pump moves 40 litres a minute. See the shop for prices."),
        ("heading", "Electrical"),
        ("lines", "- 230 V\n- `50 Hz`"),
        ("lines", "| Part | Number |\n|---|---|\n| Seal | S-12 |"),
        ("lines", "start = now"),
        ("heading", "Care"),
        ("text", "Replace the seal every 2,000 hours."),
    ]
    assert found[3].headings == ("Pump P-200", "Electrical")
    assert found[7].headings == ("Pump P-200", "Care")


def test_of_a_page_only_what_it_says_is_read(tmp_path: Path) -> None:
    found = blocks(tmp_path, "pump.html", PAGE)
    assert [(block.kind, block.text) for block in found] == [
        ("heading", "Pump P-200"),
        ("text", "It moves 40 litres a minute.\nIt weighs 12 kg."),
        ("heading", "Electrical"),
        ("lines", "230 V\n50 Hz"),
        ("lines", "a = 1\n  b = 2"),
        ("lines", "Part | Number\nSeal | S-12"),
        ("text", "Café & 漢字."),
    ]
    assert found[-1].headings == ("Pump P-200", "Electrical")


def test_a_page_is_read_in_the_encoding_that_it_names_and_text_by_its_mark(tmp_path: Path) -> None:
    page = '<meta charset="iso-8859-1"><p>Café “x”</p>'.encode("cp1252")
    assert blocks(tmp_path, "a.htm", page)[0].text == "Café “x”"
    assert blocks(tmp_path, "a.txt", "Größe".encode("utf-16"))[0].text == "Größe"
    assert blocks(tmp_path, "a.txt.gz", gzip.compress("Größe".encode()))[0].text == "Größe"


def test_in_lists_and_tables_text_stays_under_its_heading(tmp_path: Path) -> None:
    page = (
        "<ul><li><h3>Alpha</h3><p>About alpha</p></li><li><h3>Beta</h3><p>About beta</p></li></ul>"
        "<table><tr><td>Gamma</td><td><h3>Delta</h3>About delta</td></tr></table>"
    )
    found = [(block.kind, block.text, block.headings) for block in blocks(tmp_path, "a.html", page)]
    assert found == [
        ("heading", "Alpha", ("Alpha",)),
        ("lines", "About alpha", ("Alpha",)),
        ("heading", "Beta", ("Beta",)),
        ("lines", "About beta", ("Beta",)),
        ("lines", "Gamma", ("Beta",)),
        ("heading", "Delta", ("Delta",)),
        ("lines", "About delta", ("Delta",)),
    ]


def test_of_a_page_no_part_is_lost_uncounted(documents: Curated, tmp_path: Path) -> None:
    comments = "".join(f"<article><p>Comment {number}.</p></article>" for number in range(3))
    body = f"<div><p>{words(12)}</p></div>"
    assert blocks(tmp_path, "blog.html", f"{body}{comments}")[0].text == words(12)
    form = '<form action="x"><p>Inside.</p><select><option>A</select><button>Go</button></form>'
    assert [block.text for block in blocks(tmp_path, "form.html", form)] == ["Inside."]
    data = documents({"docs": {"a.html": f"<p>outside</p><main>{body}</main>{comments}"}}, **ALL)
    assert [row["text"] for row in rows(data, "text")] == [words(12)]
    left = card(data)["documents"]["left_out"]
    assert left == {"characters outside of main and article": len("outside") + 3 * len("Comment 0.")}


def test_what_stands_between_rules_is_text_unless_it_is_yaml(tmp_path: Path) -> None:
    found = blocks(tmp_path, "a.md", "---\n\nThe seal leaks.\n\n---\n\nMore.\n")
    assert [block.text for block in found] == ["The seal leaks.", "More."]
    assert [block.text for block in blocks(tmp_path, "b.md", "---\na: 2024-99-99\n---\nMore.\n")] == ["More."]
    assert "unclosed" in blocks(tmp_path, "c.md", "---\na: [unclosed\n---\nMore.\n")[0].text


@pytest.mark.parametrize(
    ("label", "written", "encoding", "said"),
    [
        ("utf-16", "Größe 漢".encode(), "utf-8", "Größe 漢"),
        ("unicode_escape", rb"C:\new", "utf-8", r"C:\new"),
        ("utf-7", b"+AOQ-", "utf-8", "+AOQ-"),
        ("cp037", "Größe".encode(), "utf-8", "Größe"),
        ("utf-8-replace", b"abc", "utf-8", "abc"),
        ("hex", b"616263", "utf-8", "616263"),
        ("rot13", b"uryyb", "utf-8", "uryyb"),
        ("utf-8", "Größe".encode("latin-1"), "latin-1", "Größe"),
        ("iso-8859-1", "Größe \u0141".encode(), "utf-8", "Größe \u0141"),
        ("gb2312", "漢字".encode("gbk"), "utf-8", "漢字"),
        ("utf-8", "Größe".encode("latin-1"), "utf-8", "Gr\ufffd\ufffde"),
    ],
)
def test_a_label_that_is_wrong_costs_no_text(
    tmp_path: Path, label: str, written: bytes, encoding: str, said: str
) -> None:
    (tmp_path / "a.html").write_bytes(f'<meta charset="{label}"><p>'.encode() + written)
    left_out: Counter[str] = Counter()
    (block,) = read_document(tmp_path / "a.html", encoding, "a.html", left_out)
    assert block.text == said
    assert left_out["bad bytes read as U+FFFD"] == said.count("\ufffd")


def test_a_page_that_is_nested_without_end_costs_little(tmp_path: Path) -> None:
    assert blocks(tmp_path, "deep.html", "<div>" * 50_000 + "down here")[0].text == "down here"


def test_a_pdf_has_pages_headings_of_its_bookmarks_and_no_running_heads(tmp_path: Path) -> None:
    body = [f"{words(9, 100 * page)} of page" for page in range(4)]
    pages = [
        [
            "ACME manual",
            text,
            f"{text} once",
            "again: a hyphen-",
            f"ated word {chr(96 + number) * 4}",
            f"Page {number} of 4",
        ]
        for number, text in enumerate(body, 1)
    ]
    pages[1].insert(2, "2.1 Care")
    found = blocks(tmp_path, "pump.pdf", pdf(pages, [("Installation", 1), ("Care", 2), ("Parts", 4)]))
    said = " ".join(block.text for block in found)
    assert "ACME" not in said
    assert "Page" not in said
    assert said.count("again: a hyphenated word") == 4
    assert [(block.page, block.text) for block in found if block.kind == "heading"] == [(2, "2.1 Care")]
    under = {(block.page, block.headings) for block in found if block.kind == "text"}
    assert under == {
        (1, ("Installation",)), (2, ("Installation",)), (2, ("Care",)), (3, ("Care",)), (4, ("Parts",)),
    }  # fmt: skip


def test_of_the_edges_of_pages_only_what_runs_with_them_goes(documents: Curated) -> None:
    invoices = [
        [
            f"Invoice {number}",
            f"Customer {chr(96 + number % 9)}",
            *extra,
            f"Total: {number * 5} EUR",
            "Thank you.",
        ]
        for number in range(17, 22)
        for extra in [[f"Item {number}a {words(3, number)}", f"Item {number}b {words(3, number + 50)}"]]
    ]
    articles = [[f"Article {number}", "The seal is replaced every 2000 hours."] for number in (5, 7, 9)]
    numbered = [
        [
            "Pumps" if number < 3 else "Seals",
            *(words(5, 90 * number + 9 * line) for line in range(5)),
            f"- {number} -",
        ]
        for number in range(1, 6)
    ]
    files = {"i.pdf": pdf(invoices), "a.pdf": pdf(articles), "n.pdf": pdf(numbered)}
    data = documents({"docs": files}, size=200, overlap=0, **ALL)
    said = {row["place"][5]: row["text"] for row in rows(data, "place", "text")}
    assert re.findall(r"Invoice \d+|Total: \d+", said["i"]) == [
        one for number in range(17, 22) for one in (f"Invoice {number}", f"Total: {number * 5}")
    ]
    assert "Thank you" not in said["i"]
    assert said["a"].count("2000 hours") == 3
    assert re.findall(r"Article \d", said["a"]) == ["Article 5", "Article 7", "Article 9"]
    assert "-" not in said["n"]
    assert card(data)["documents"]["left_out"] == {"lines that head or foot pages": 5 + 5 + 3}


def lines_left(*pages: Sequence[str]) -> list[list[str]]:
    return without_running_lines(pages)[0]


@pytest.mark.parametrize("head", ["Invoice {}", "Invoice No S. {}", "See p. {} of the law", "Offer: side {}"])
def test_invoices_that_are_numbered_as_their_pages_are_keep_their_numbers(head: str) -> None:
    def invoices(*foot: str) -> list[list[str]]:
        return [
            [
                head.format(number),
                f"for customer {chr(96 + number)}",
                f"Item {number}a {words(9, number)}",
                f"Item {number}b {words(9, number + 50)}",
                f"Total: {number * 5} EUR",
                *(line.format(number) for line in foot),
            ]
            for number in range(1, 10)
        ]

    assert lines_left(*invoices()) == invoices()
    assert lines_left(*invoices("Page {} of 9")) == invoices()
    assert lines_left(*invoices("ACME", "- {} -")) == invoices()
    assert lines_left(*invoices("{}/9")) == invoices()
    counted = [[f"Invoice {number}", f"Total: {number * 5} EUR"] for number in range(1, 10)]
    assert lines_left(*counted) == counted
    footed = [[*page, f"Page {number}"] for number, page in enumerate(counted, 1)]
    assert lines_left(*footed) == counted


@pytest.mark.parametrize(
    "form",
    [
        "Page {}",
        "ACME | Page {} of 9",
        "ACME | p. {}",
        "ACME s. {} av 9",
        "p. {}",
        "[{}]",
        "Seite {} von 9",
        "第{}页",
        "{} / 9",
    ],
)
@pytest.mark.parametrize("first", [1, 17])
def test_a_line_may_say_that_its_number_is_the_page_s(form: str, first: int) -> None:
    body = [[f"{words(5, 90 * page + 9 * line)}." for line in range(5)] for page in range(9)]
    for at in (0, 5):
        pages = [[*page[:at], form.format(first + number), *page[at:]] for number, page in enumerate(body)]
        assert lines_left(*pages) == body


def test_a_number_in_a_running_head_is_the_page_s_where_the_text_goes_on_or_other_pages_say_theirs() -> None:
    ends = [[f"{words(5, 90 * page + 9 * line)}." for line in range(5)] for page in range(9)]
    goes_on = [[line.rstrip(".") for line in page] for page in ends]
    for body, left in ((goes_on, 0), (ends, 9)):
        pages = [[f"Pump P-200 {number}", *page] for number, page in enumerate(body, 1)]
        assert sum(len(page) for page in lines_left(*pages)) == 45 + left
    chapters = [
        [str(number) if number % 3 == 1 else f"Chapter 4: Care {number}", *page]
        for number, page in enumerate(ends, 1)
    ]
    assert lines_left(*chapters) == ends


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three? Four", 4),
        ("Dr. Smith paid 3.5 Mio. He left.", 2),
        ("See Fig. 3 and p. 4, e.g. This one.", 1),
        ("He said “Stop.” Then he left.", 2),
        ("彼は来た。すぐ帰った。", 2),
        ("a.b.c is a name. It stays", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    found = list(sentences(text))
    assert "".join(found) == text
    assert len(found) == count


@pytest.fixture(scope="module")
def bytewise(tmp_path_factory: pytest.TempPathFactory) -> Measure:
    """A tokenizer that gives a token a byte, so that characters of several bytes may be cut apart."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("tokenizer")
    alphabet = {sign: number for number, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.save(str(folder / "tokenizer.json"))
    return Tokens(folder, "tokenizer")


PARAGRAPHS = st.lists(
    st.tuples(
        st.sampled_from(["text", "heading", "lines"]),
        st.text("ab漢é. \nA", min_size=1, max_size=90).filter(lambda text: bool(text.strip())),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(
    said=PARAGRAPHS,
    size=st.integers(8, 40),
    overlap=st.integers(0, 4),
    repeat=st.booleans(),
    by=st.booleans(),
)
def test_no_word_is_lost_no_chunk_is_too_long(
    bytewise: Measure, said: Sequence[tuple[Any, str]], size: int, overlap: int, repeat: bool, by: bool
) -> None:
    outline, given_blocks = Outline(), []
    for kind, written in said:
        text = " ".join(written.split())[:9] if kind == "heading" else written
        path = outline.enter(1, text) if kind == "heading" else outline.path
        given_blocks.append(Block(text, kind, path))
    measure = bytewise if by else Words()
    found = list(Chunker(measure, size, overlap, repeat).chunks(given_blocks))
    assert all(len(measure.spans([chunk.text])[0]) <= size for chunk in found)
    if not overlap and not repeat:
        whole = "".join("".join(block.text for block in given_blocks).split())
        made = "".join("".join(chunk.text for chunk in found).split())
        assert whole.startswith(made)
        left = whole[len(made) :]
        assert whole.endswith(left)
        assert not left or given_blocks[-1].kind == "heading"  # headings of nothing


def test_chunks_end_at_headings_and_between_sentences_and_share_whole_sentences() -> None:
    one, two = (f"Alpha {words(8, start)}." for start in (0, 20))
    three = f"Beta {words(8, 40)}."
    given_blocks = [
        Block("A", "heading", ("A",)),
        Block(f"{one} {two}", "text", ("A",)),
        Block("B", "heading", ("A", "B")),
        Block(three, "text", ("A", "B")),
    ]
    cut = Chunker(Words(), 24, 0, repeat=False)
    assert [chunk.text for chunk in cut.chunks(given_blocks)] == [f"A\n\n{one} {two}", f"B\n\n{three}"]
    small = Chunker(Words(), 12, 0, repeat=True)
    assert [chunk.text for chunk in small.chunks(given_blocks)] == [
        f"A\n\n{one}", f"A\n\n{two}", f"B\n\n{three}",
    ]  # fmt: skip
    shares = Chunker(Words(), 22, 10, repeat=False)
    long = [Block(f"{one} {two} {three}", "text")]
    assert [chunk.text for chunk in shares.chunks(long)] == [f"{one} {two}", f"{two} {three}"]


def test_chunks_know_their_place_and_are_handed_on_for_both_model_tasks(documents: Curated) -> None:
    files = {"pump.md": PUMP, "page.html": PAGE, "scan.pdf": pdf([[words(30)], [words(30, 50)]])}
    data = documents({"manuals": files}, size=40, **ALL)
    found = {row["place"]: row for row in rows(data, "place", "text", "document", "source")}
    assert set(found) == {
        "manuals/pump.md#1: Pump P-200", "manuals/pump.md#2: Pump P-200 › Care",
        "manuals/page.html#1: Pump P-200", "manuals/scan.pdf#1 p. 1", "manuals/scan.pdf#2 pp. 1–2",
    }  # fmt: skip
    assert found["manuals/page.html#1: Pump P-200"]["text"].startswith("Pump P-200\n\nIt moves 40 litres")
    assert {row["document"] for row in found.values()} == {None}
    assert {row["source"] for row in found.values()} == {"manuals"}
    assert data.meta == {"task": "feature-extraction"}
    assert card(data)["documents"]["read"] == {"markdown": 1, "html": 1, "pdf": 1}
    assert card(data)["chunks"] == {"unit": "words", "size": 40, "overlap": 5}
    plain = documents({"manuals": files}, size=40, model_task="text-generation", **ALL)
    assert plain.meta == {"task": "text-generation"}
    said = rows(plain, "messages", "completion", "place")
    assert {str(row["messages"]) for row in said} == {"[{'role': 'prompt', 'content': ''}]"}
    assert sum(len(row["completion"].split()) for row in said if "scan" in row["place"]) == 60


def test_students_of_embeddings_language_models_and_indexes_read_the_chunks(documents: Curated) -> None:
    from slmworks_gguf.chunks import are_chunks, chunks
    from slmworks_gguf.chunks import documents as passages
    from slmworks_torch.causal.examples import read
    from slmworks_torch.embeddings import texts_of

    files = {f"{number}.txt": words(60, 100 * number) for number in range(8)}
    data = documents({"docs": files}, size=40, validation=0.25, test=0)
    assert set(data.splits) == {"train", "validation"}
    known = {row["place"]: row["text"] for row in rows(data, "place", "text")}
    assert sorted(texts_of(data, "train").texts) == sorted(data.columns("train", "text")[0])
    assert passages(data) == known
    assert are_chunks(data)
    tokenizer = wordpiece()
    tokenizer.no_truncation()
    longest = max(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in known.values())
    whole = chunks(known, tokenizer, longest, 2, cut=True)
    assert {chunk.id: chunk.text for chunk in whole} == known
    parts = list(chunks(known, tokenizer, longest // 2, 2, cut=True))
    assert len(parts) > len(known)
    assert {chunk.id.rpartition("#")[0] for chunk in parts} <= set(known)
    plain = documents({"docs": files}, size=40, model_task="text-generation", validation=0.25, test=0)
    assert len(read(plain, "train")) == len(plain.columns("train", "id")[0])


def test_documents_stay_whole_equal_chunks_are_kept_once_and_operators_act(documents: Curated) -> None:
    files = {
        f"{number}.txt": f"{words(60, 100 * number)}\n\nWrite to me{number}@example.com.\n\n{words(39, 9000)}."
        for number in range(12)
    }
    data = documents(
        {"texts": files}, size=40, overlap=0, validation=0.2, test=0.2, redact=["email"],
        operators=[{"length": {"min_words": 5}}],
    )  # fmt: skip
    at: dict[str, set[str]] = {}
    for split in data.splits:
        for place, text in zip(*data.columns(split, "place", "text"), strict=True):
            at.setdefault(place.partition("#")[0], set()).add(split)
            assert "@" not in text
    assert set(data.splits) == {"train", "validation", "test"}
    assert all(len(splits) == 1 for splits in at.values())
    found = card(data)
    assert found["dropped"]["duplicate"] == 11
    assert found["personal_data"] == {"email": 12}
    assert sum(split["documents"] for split in found["splits"].values()) == 12
    assert found["rows"]["in"] == found["rows"]["out"] + sum(found["dropped"].values())
    again = documents(
        {"texts": dict(reversed(files.items()))}, size=40, overlap=0, validation=0.2, test=0.2,
        redact=["email"], operators=[{"length": {"min_words": 5}}],
    )  # fmt: skip
    assert again.digest == data.digest


@pytest.mark.parametrize("by", ["option", "operator"])
def test_what_is_hidden_in_texts_is_hidden_in_places_which_stay_apart(documents: Curated, by: str) -> None:
    from slmworks_gguf.chunks import documents as passages

    key = "AKIA" + "Q2W3E4R5T6Y7U2I3"
    ask = f"# Ask john@x.com\n\n{words(30)}\n\n## Key {key}\n\n{{}}"
    files = {
        "john@x.com.md": ask.format(words(40, 100)), "mary@y.org.md": ask.format(words(40, 200)),
        "plain.md": ask.format(words(40, 300)),
    }  # fmt: skip
    redacts = {"redact": ["email"]} if by == "option" else {}
    operators = [{"secrets": {}}, *([] if redacts else [{"redact": {"kinds": ["email"]}}])]
    data = documents(
        {"docs": files}, size=40, overlap=0, repeat_headings=False, operators=operators, **redacts, **ALL
    )
    places = [row["place"] for row in rows(data, "place")]
    whole = " ".join(map(str, rows(data, "place", "text")))
    assert "@" not in whole
    assert "AKIA" not in whole
    assert "docs/plain.md#2: Ask <EMAIL> › Key <AWS_KEY>" in places
    assert len({place.partition("#")[0] for place in places}) == 3
    assert len(passages(data)) == len(places)
    if not redacts:
        dropped = documents({"docs": files}, size=40, operators=[{"secrets": {"action": "drop"}}], **ALL)
        assert not any("AKIA" in place for place in dropped.columns("train", "place")[0])


def test_two_chunks_at_one_place_are_refused_where_the_place_is_the_id(
    documents: Curated, tmp_path: Path
) -> None:
    from pyarrow import array, parquet

    from slmworks_gguf.chunks import documents as passages

    data = documents({"docs": GOOD}, **ALL)
    found = parquet.read_table(data.path / "train.parquet")
    at = found.schema.get_field_index("place")
    (tmp_path / "twice").mkdir()
    same = found.set_column(at, "place", array(["docs/a.txt#1"] * len(found)))
    parquet.write_table(same, tmp_path / "twice" / "train.parquet")
    with pytest.raises(BadRequest, match=r"several chunks at 'docs/a\.txt#1'; give each its own place"):
        passages(Dataset(path=tmp_path / "twice", meta=data.meta))


def test_operators_that_hide_nothing_see_the_text_of_a_chunk_only(documents: Curated) -> None:
    files = {f"{number}.md": f"# One two three four\n\n{words(5, 9 * number)}" for number in range(3)}
    data = documents({"docs": files}, operators=[{"length": {"max_words": 9}}], **ALL)
    assert len(rows(data, "id")) == 3


GOOD = {f"good{number}.txt": words(20, 100 * number) for number in range(9)}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.pdf", locked(pdf([["hello"]]), "secret"), "encrypted PDF: 1; the first: docs/a.pdf: it needs a password"),
        ("a.pdf", pdf([[], []], picture=True), "no text layer; run OCR first: 1; the first: docs/a.pdf: 2 pages, pic"),
        ("a.pdf", pdf([["hello"]])[:200], "broken PDF: 1; the first: docs/a.pdf"),
        ("a.pdf", b"hello", "broken PDF: 1; the first: docs/a.pdf"),
        ("a.pdf", bomb(80_000_000), "too large: 1; the first: docs/a.pdf: page 1 unpacks to more"),
        ("a.html", "<html><body><nav>Home</nav><script>x</script></body></html>", "no text: 1; the first: docs/a.html"),
        ("a.html", "", "no text: 1"),
        ("a.md", "# Only a heading\n", "no text: 1; the first: docs/a.md: headings only"),
        ("a.txt", b"MZ\0\0\x01", "binary, no text: 1; the first: docs/a.txt: a NUL byte at byte 2"),
        ("a.txt", b"one\ntw\xff", "another encoding: 1; the first: docs/a.txt: line 2: byte 6 (0xff) is not utf-8"),
        ("a.txt.gz", b"no gzip", "damaged: 1; the first: docs/a.txt.gz: cannot be decompressed"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_counted_by_reason_and_the_rest_is_kept(
    documents: Curated, name: str, content: str | bytes, said: str
) -> None:
    data = documents({"docs": {**GOOD, name: content}}, **ALL)
    assert len(rows(data, "id")) == 9
    (warning,) = card(data)["warnings"]
    assert said in warning
    with pytest.raises(
        BadRequest, match=r"^docs: 1 of 3 documents can't be read .* The first: docs/a"
    ) as refused:
        documents({"docs": {**dict(list(GOOD.items())[:2]), name: content}}, max_unusable=0.2, **ALL)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("files", "options", "said"),
    [
        ({"a.png": b"x", "b.docx": b"x"}, {}, "docs: no document in it (.txt, .text, .md"),
        ({"a.zip": b"PK"}, {}, "docs/a.zip: an archive; fetch what is in it: zip://*::a.zip, or unpack it."),
        ({"a.txt": "one"}, {}, "the split 'validation' would be empty: 1 chunks of 1 documents are left"),
        ({"a.txt": "one"}, {"tokenizer": "docs", **ALL}, "with.tokenizer: the input 'docs' must hold one"),
        ({"a.txt": "one"}, {"transfer": ("dogs",)}, "with.transfer: no input named 'dogs'. Did you mean 'docs'?"),
        (GOOD, {"operators": [{"length": {"min_words": 99}}], **ALL}, "no chunk is left: 9 made (dropped: 9 length"),
        (GOOD, {"expect": {"rows": ">= 100"}, **ALL}, "rows: 9, expected >= 100"),
    ],
)  # fmt: skip
def test_what_cannot_be_curated_is_refused_in_a_line(
    documents: Curated, files: dict[str, str | bytes], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        documents({"docs": files}, **options)
    assert said in str(refused.value)


def test_of_an_evaluation_set_documents_are_read_and_every_one_of_them(documents: Curated) -> None:
    exam = {"exam.txt": GOOD["good3.txt"], "scores.csv": "a,b"}
    against = {"decontaminate": {"against": ["exam"]}, **ALL}
    data = documents({"docs": GOOD, "exam": exam}, **against)
    assert "docs/good3.txt#1" not in data.columns("train", "place")[0]
    assert len(rows(data, "id")) == 8
    for files, said in (
        (
            {**exam, "b.txt": b"tw\xff"},
            "exam: 1 of 2 documents can't be read (another encoding 1), more than 0%.",
        ),
        ({"scores.csv": "a,b"}, "exam: no document in it (.txt"),
    ):
        with pytest.raises(BadRequest) as refused:
            documents({"docs": GOOD, "exam": files}, **against)
        assert str(refused.value).startswith(said)
        assert "\n" not in str(refused.value)


def test_the_first_document_that_cannot_be_read_is_one_of_the_input(documents: Curated) -> None:
    inputs = {"docs": {**GOOD, "bad.txt": b"\xff"}, "more": {"worse.txt": b"\xff"}}
    with pytest.raises(BadRequest, match=r"^more: 1 of 1 .* The first: more/worse\.txt: line 1"):
        documents(inputs, **ALL)


def test_a_library_that_is_missing_is_named_with_the_command(
    documents: Curated, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "pypdf":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return found(name, *rest)

    for name in [name for name in sys.modules if name.partition(".")[0] == "pypdf"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BadRequest) as refused:
        documents({"docs": {"a.pdf": pdf([["hello"]])}}, **ALL)
    assert str(refused.value) == (
        "docs/a.pdf: reading pdf needs 'pypdf', which is not installed: pip install 'slmworks-text[run,documents]'"
    )
