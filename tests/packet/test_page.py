import io
import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from rich.console import Console

from foreign import active, reasons, squeezed, without_space
from judged import first, quality_report, speed_report
from rendered import Page
from slmworks import packet
from slmworks.contract.plain_text import visible
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.lineage.ancestry import Edge, Lineage, Node
from slmworks.numbers import figures
from slmworks.packet import Background, Made
from slmworks.packet.dag import HIGH, WIDE, picture

TEACHER, SMALL, CHAMPION = "1" * 64, "2" * 64, "3" * 64


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
    champion = quality_report(
        bench, CHAMPION, {s: first(n, int(n * 0.802), but=5) for s, n in splits.items()}, baseline=teacher
    )
    reports = [report, speed_report(bench, SMALL, teacher)]
    gate = PairedBootstrap(speedup=2, slice_drop=0.1, limits={"ece": 0.3}, champion_drop=0.05)
    verdict = gate.run(reports=reports, champion=champion, task=bench.task("gate"))
    return verdict.read(), [*reports, teacher, champion]


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
    assert text.count("tf-idf + linear") == 3  # in both halves of the table, and in the sentence below


def test_markdown_is_one_table_that_names_cannot_break(judged):
    verdict, reports = judged
    verdict["rows"][2]["name"] = "a|b <script>"
    text = packet.markdown(verdict, reports)
    assert text.startswith("**passed: keeps 99.6 % of the teacher")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    assert "<script>" not in text
    assert "Against the teacher on 1,500 rows: 15 gained, 20 lost (exact McNemar test: p = 0.5" in text
    assert "Against the champion on 1,500 rows: 12 gained, 15 lost" in text
    assert "Calibration error (15 bins): 0.097." in text


def test_markdown_for_a_form_has_the_rows_that_are_decided_about(judged):
    verdict, reports = judged
    other = {**verdict["rows"][2], "name": "another", "chosen": False}
    trivial = {**verdict["rows"][-1], "name": "majority"}
    text = packet.markdown({**verdict, "rows": [*verdict["rows"], other, trivial]}, reports, brief=True)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows[2:]] == [
        "teacher",
        "champion",
        "int8 &lt;static&gt; ◀",
        "tf-idf + linear",
    ]
    assert all("| &emsp;" in row for row in rows if "---" not in row)  # MLflow leaves no room between columns
    assert len(text.split("\n\n")) == 4  # the sentence, the table, what is chosen, what changed


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=reasons)
def test_a_packet_shows_names_as_they_are_written(judged, name):
    verdict, reports = judged
    given_name = {**verdict["rows"][2], "name": name}
    said = {
        **verdict,
        "sentence": f"passed: {name}",
        "because": name,
        "rows": [*verdict["rows"][:2], given_name],
    }
    text, page = packet.markdown(said, reports), packet.page(said, reports)
    reader, shown = Reader(page), Page(text)
    assert (reader.open, reader.loads, {"a", "img", "script"} & set(shown.tags)) == ([], [], set())
    assert active(page) == active(text) == set()
    assert without_space("".join(reader.text)).count(without_space(visible(name))) >= 3
    assert without_space(shown.text).count(squeezed(name)) >= 3


def test_the_page_is_well_formed_and_loads_nothing(judged):
    text = packet.page(*judged)
    reader = Reader(text)
    assert reader.open == []
    assert reader.loads == []
    assert not re.search(r"https?://|url\(|@import|<script", text)


CARD = {
    "rows": {"in": 23_703, "out": 22_918},
    "dropped": {"near duplicate": 612},
    "personal_data": {"email": 173},
    "warnings": ["train has fewer than 10 rows of 'x|y' (3): hardly enough to be learnt"],
    "licence": "MIT",
    "licences": {"web": "CC BY 4.0", "shop": None},
    "splits": {
        "test": {
            "rows": 1500,
            "labels": {"neutral": 500},
            "sources": {"web": 750},
            "characters": {"min": 3, "median": 41, "p95": 97, "max": 412},
            "lengths": {
                "unit": "characters",
                "quantiles": {"p5": 9, "p50": 42, "p95": 98, "max": 412},
                "histogram": [[20, 100], [40, 900], [80, 500]],
            },
        }
    },
}


def test_the_page_has_what_a_reviewer_looks_for(judged):
    texts = {"test-0": "text <b>0</b>"}
    made = Made("r.yaml", "name: r", ("slmworks==0.1.0",), (("fetch files", "slmworks 0.1.0", "c0de", "d1"),))
    behind = Background(card=CARD, texts=lambda _ids: texts, model=LINEAGE, verdict=LINEAGE, made=made)
    said = " ".join(Reader(packet.page(*judged, behind, digest="abcdef")).text)
    for expected in (
        "keeps 99.6 % of the teacher",
        "99.6 %",
        "What changed against today's champion",
        "Of 1,500 rows of the test set: 12 gained, 15 lost",
        "Lost: the champion was right",
        "What changed against the teacher",
        "15 gained, 20 lost",
        "Lost: the teacher was right",
        "text <b>0</b>",
        "source shop",
        "label neutral",
        "Accuracy −0.2 (−1.0 to +0.6) points, 95 % interval.",
        "Classes",
        "Calibration",
        "how often right",
        "A & B, 1 thread",
        "23,703 rows in, 22,918 rows out.",
        "near duplicate 612",
        "Personal data: email 173",
        "kinds that are not listed, such as names and postal addresses, was left in",
        "Warning: train has fewer than 10 rows of 'x|y' (3): hardly enough to be learnt.",
        "Licence: MIT",
        "Licences as declared: shop:  not declared ; web: CC BY 4.0",
        "412",
        "distilled-from",
        "reviews.csv",
        "pip install slmworks==0.1.0",
        "slmworks run r.yaml",
        "slmworks lineage abcdef",
        "c0de",
    ):
        assert expected in said


SOURCE = Node("a" * 64, "Files", "fetch files", "reviews.csv")
DATA = Node("b" * 64, "Dataset", "curate text", "900 rows", (Edge("curated-from", SOURCE),))
TAUGHT = Node("c" * 64, "Model", "finetune classifier", "hf", (Edge("trained-on", DATA),))
STUDENT = Node(
    "d" * 64, "Model", "distill logit-kd", "hf", (Edge("distilled-from", TAUGHT), Edge("trained-on", DATA))
)
LINEAGE = Lineage("Model dddd", STUDENT)


def test_no_line_of_the_lineage_picture_runs_through_a_box():
    drawn = picture(LINEAGE)
    assert Reader(drawn).open == []
    boxes = [tuple(map(float, found)) for found in re.findall(r'<rect x="(\d+)" y="(\d+)"', drawn)]
    assert len(boxes) == 4
    # the data's box is one layer above the teacher and two above the student: that edge has a bend beside
    bends = re.findall(r'd="M(\d+) (\d+) C\S+ \S+ \S+ \S+ (\d+) (\d+)"', drawn)
    assert len(bends) == 5
    teacher = boxes[2]
    for x, y in {(float(x), float(y)) for *_, x, y in bends}:
        inside = teacher[0] < x < teacher[0] + WIDE and teacher[1] < y < teacher[1] + HIGH
        assert not inside


def test_without_a_champion_the_page_says_so(judged):
    verdict, reports = judged
    text = packet.page(verdict | {"champion": None}, reports)
    assert "It was compared with no champion" in text
    same = packet.page(verdict | {"champion": SMALL}, reports)
    assert "Nothing: this is today&#x27;s champion." in same


def test_a_card_may_lack_anything():
    assert "not declared" in packet.page({}, (), Background(card={"labels": ["a"]}))
    text = packet.page({}, (), Background(card={"splits": {"train": {"rows": 3}}}))
    assert '<td class="t">train</td><td class="n">3</td>' in text.replace("'", '"')


def test_many_labels_are_counted_and_folded():
    many = {f"label-{i}": i + 1 for i in range(20)}
    card = {"splits": {"train": {"rows": 210, "labels": many}, "test": {"rows": 3, "labels": {"label-3": 3}}}}
    text = packet.page({}, (), Background(card=card))
    assert "20 labels, 1–20 rows each" in text
    assert "<summary>All 20 labels</summary>" in text


def test_wide_tables_can_be_reached_by_keyboard(judged):
    text = packet.page(*judged)
    wide = re.findall(r'<div class="wide"[^>]*>', text)
    assert wide
    assert all('tabindex="0"' in one and "aria-label=" in one for one in wide)


def test_text_from_data_is_escaped(judged):
    text = packet.page(*judged, Background(texts=lambda _ids: {"test-0": "text <b>test-0</b>"}))
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
