import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from judged import first, quality_report, speed_report
from slmworks import figures, packet
from slmworks.gate.paired_bootstrap import PairedBootstrap

TEACHER, SMALL = "1" * 64, "2" * 64


@pytest.fixture
def judged(bench):
    """A verdict on one candidate, and the reports it came from."""
    splits = {"validation": 600, "test": 1500}
    trivial = {"tf-idf + linear": {s: first(n, int(n * 0.6)) for s, n in splits.items()}}
    teacher = quality_report(
        bench,
        TEACHER,
        {s: first(n, int(n * 0.8)) for s, n in splits.items()},
        size=86_700_000,
        trivial=trivial,
    )
    report = quality_report(
        bench,
        SMALL,
        {s: first(n, int(n * 0.81), but=20) for s, n in splits.items()},
        name="int8 <static>",
        size=6_100_000,
        baseline=teacher,
    )
    reports = [report, speed_report(bench, SMALL, teacher)]
    verdict = PairedBootstrap(speedup=2).run(reports=reports, task=bench.task("gate"))
    return verdict.read(), [*reports, teacher]


def drawn(verdict, width=140) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(packet.table(verdict))
    return console.file.getvalue()


class Reader(HTMLParser):
    """Checks that tags nest, and collects text and every address that a browser would load."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.text, self.loads = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.loads += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_terminal_shows_every_row_once(judged):
    text = drawn(judged[0])
    assert re.search(r"teacher +0\.800 \(0\.779–0\.819\) +0\.8\d\d +— +7\.6 +203 +86\.7 MB +182\.0 MB", text)
    assert re.search(r"int8 <static> ◀ .* 99\.6 % +1\.2 ×6\.1 +1,240 ×6\.1 +6\.1 MB", text)
    assert re.search(r"tf-idf \+ linear .* 75\.0 %", text)
    assert "◀ chosen: smallest that keeps 95 %" in text


def test_a_narrow_terminal_folds_no_number(judged):
    text = drawn(judged[0], width=70)
    assert max(map(len, text.splitlines())) <= 70
    for number in ("0.797 (0.776–0.816)", "99.6 %", "1.2 ×6.1", "1,240 ×6.1", "182.0 MB"):
        assert number in text
    assert text.count("tf-idf + linear") == 2


def test_plain_lines_say_the_same(judged):
    lines = packet.plain(judged[0]).splitlines()
    assert len(lines) == 5
    assert lines[2].startswith("int8 <static> ◀  0.797 (0.776–0.816)")
    assert [line.find("MB") for line in lines[1:3]] == [lines[1].find("MB")] * 2  # columns line up


def test_markdown_is_one_table_that_names_cannot_break(judged):
    verdict, reports = judged
    verdict["rows"][1]["name"] = "a|b <script>"
    text = packet.markdown(verdict, reports)
    assert text.startswith("**passed: keeps 99.6 % of the teacher")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    assert "<script>" not in text
    assert "15 gained, 20 lost (exact McNemar test: p = 0.5" in text


def test_the_page_is_well_formed_and_loads_nothing(judged):
    text = packet.page(*judged)
    reader = Reader(text)
    assert reader.open == []
    assert reader.loads == []
    assert not re.search(r"https?://|url\(|@import|<script", text)


def test_the_page_has_what_a_reviewer_looks_for(judged):
    verdict, reports = judged
    card = {
        "rows": {"in": 23_703, "out": 22_918},
        "dropped": {"near duplicate": 612},
        "personal_data": {"email": 173},
        "licence": "MIT",
        "splits": {"test": {"rows": 1500, "labels": {"neutral": 500}, "sources": {"web": 750}}},
    }
    said = " ".join(Reader(packet.page(verdict, reports, card, ["student from teacher", "teacher"])).text)
    for expected in (
        "keeps 99.6 % of the teacher",
        "99.6 %",
        "Classes",
        "negative",
        "Slices",
        "shop",
        "15 gained, 20 lost",
        "Lost: the teacher was right",
        "text <b>test-0</b>",
        "A & B, 1 thread",
        "23,703 rows in, 22,918 rows out.",
        "near duplicate 612",
        "Licence: MIT",
        "student from teacher",
    ):
        assert expected in said


def test_text_from_data_is_escaped(judged):
    text = packet.page(*judged)
    assert "text &lt;b&gt;test-0&lt;/b&gt;" in text
    assert "<b>" not in text


def test_a_refusal_says_refused(bench, judged):
    _, reports = judged
    verdict = PairedBootstrap(retention=1.01).run(reports=reports, task=bench.task("refusing")).read()
    text = packet.page(verdict, reports)
    assert '<span class="badge missed">refused</span>' in text
    assert "best on validation; none surely keeps 101 %" in drawn(verdict)
    assert "◀ judged" in drawn(verdict)


def test_a_verdict_of_another_gate_needs_only_a_sentence():
    verdict = {"passed": True, "sentence": "passed: it is Friday"}
    assert drawn(verdict).strip() == ""
    assert packet.plain(verdict) == ""
    assert packet.markdown(verdict) == "**passed: it is Friday**\n"
    assert "it is Friday" in packet.page(verdict)
    assert "passed" in packet.page({"passed": True})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (figures.size(86_700_000), "86.7 MB"),
        (figures.size(999_999_999), "1.0 GB"),
        (figures.size(812_345), "812 kB"),
        (figures.times(14.21), "14.2×"),
        (figures.times(0.84), "0.84×"),
        (figures.factor(140), "×140"),
        (figures.compared(0.5, "faster", "slower"), "2.0× slower"),
        (figures.percent_beside(0.94962, 0.95), "94.96 %"),
        (figures.percent_beside(0.962, 0.95), "96.2 %"),
        (figures.requirement(0.975), "97.5 %"),
        (figures.points(0.013), "1.3 points"),
        (figures.p_value(0.00001), "p < 0.001"),
        (figures.milliseconds(0.214), "0.21"),
        (figures.milliseconds(0.0002), "<0.01"),
        (figures.rate(1240.4), "1,240"),
        (figures.rate(46_423_906.2), "46 M"),
    ],
)
def test_numbers_are_written_alike_everywhere(written, expected):
    assert written == expected
