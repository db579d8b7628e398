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
from slmworks.lineage.stopped import Stopped
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
    assert "◀ chosen: smallest that on validation surely keeps 95 %" in text


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
    assert len(lines_of(drawn)) == 5
    assert not crossed(drawn)


def lines_of(drawn: str) -> list[list[tuple[float, float]]]:
    """Points on every line of a picture."""
    found = []
    for start, curve, down in re.findall(r'd="M([\d ]+) C([\d ]+?)(?: V(\d+))?"', drawn):
        (x0, y0), (a, b, c, d, x1, y1) = map(float, start.split()), map(float, curve.split())
        steps = [i / 40 for i in range(41)]
        cubic = [((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3) for t in steps]
        points = [(p * x0 + q * a + r * c + s * x1, p * y0 + q * b + r * d + s * y1) for p, q, r, s in cubic]
        found.append([*points, *([(x1, (y1 + float(down)) / 2), (x1, float(down))] if down else [])])
    return found


def crossed(drawn: str) -> list[tuple[float, float]]:
    """Points of lines that lie within a box."""
    boxes = [tuple(map(float, found)) for found in re.findall(r'<rect x="(\d+)" y="(\d+)"', drawn)]
    return [
        (x, y)
        for line in lines_of(drawn)
        for x, y in line
        if any(left + 1 < x < left + WIDE - 1 and top + 1 < y < top + HIGH - 1 for left, top in boxes)
    ]


def node(digit: str, made_by: str, *edges: Edge, kind: str = "Model") -> Node:
    return Node(digit * 64, kind, made_by, "hf", edges)


def stopped_by(selection: Node, *nodes: Node) -> list[Stopped]:
    return [
        Stopped(
            f"short_{i}", "first", f"{i}. of 9", chance=i / 100, model=one.digest, selection=selection.digest
        )
        for i, one in enumerate(nodes, start=2)
    ]


SELECTION = Node("5" * 64, "Selection", "select halving", "1 of 9 go on")
FROM_TEACHER = (Edge("distilled-from", TAUGHT), Edge("trained-on", DATA))
"""What the probes are made from."""


def lineage_section(*candidates: Node) -> str:
    stopped = stopped_by(SELECTION, *candidates)
    ways = {one.digest: one for one in (*candidates, SELECTION)}
    shown = packet.page({}, (), Background(model=LINEAGE, stopped=stopped, ways=ways))
    return shown.partition("<h2>Lineage</h2>")[2]


def test_a_few_stopped_candidates_stand_beside_the_lineage_down_to_their_selection():
    section = lineage_section(*(node(digit, "distill logit-kd", *FROM_TEACHER) for digit in "678"))
    assert Reader(section.partition("</section>")[0]).open == []
    assert section.count('class="node stopped"') == 3
    assert section.count(">stopped · Model<") == 3
    assert (
        "short_3: stopped by first: 3. of 9; the truly best is stopped so in at most 3.0 % of cases"
        in section
    )
    assert ">select halving · 1 of 9 go on<" in section
    assert section.count(">first<") == 1
    assert (
        section.count('class="edge dashed"') == 9
    )  # each from the teacher and the data, and to the selection
    assert "Dashed: 3 candidates that were stopped" in section
    assert 'aria-label="Lineage of Model dddd: 4 artifacts, and 3 stopped"' in section
    assert not crossed(section)


def test_many_stopped_candidates_share_a_box_a_kind():
    students = [node(digit, "distill logit-kd", *FROM_TEACHER) for digit in "6789"]
    linear = [node(digit, "finetune linear", Edge("trained-on", DATA)) for digit in ("e", "f", "0")]
    section = lineage_section(*students, *linear)
    assert section.count('class="node stopped"') == 2
    assert ">4 stopped · Model<" in section
    assert ">3 stopped · Model<" in section
    assert all(f"short_{i}: stopped by first" in section for i in range(2, 9))
    assert not crossed(section)


def test_of_many_kinds_all_that_a_selection_stopped_share_a_box():
    section = lineage_section(*(node(digit, f"distill kind-{digit}", *FROM_TEACHER) for digit in "6789"))
    assert section.count('class="node stopped"') == 1
    assert ">4 stopped · Model<" in section
    assert ">made in 4 ways<" in section


def test_a_stopped_candidate_leads_back_past_what_is_not_shown():
    before = node("6", "distill logit-kd", *FROM_TEACHER)
    again = node("7", "distill logit-kd", Edge("initialised-from", before), Edge("trained-on", DATA))
    section = lineage_section(again)
    assert section.count('class="node stopped"') == 1
    assert "initialised-from" not in section  # what lies between isn't in the picture
    assert section.count('class="edge dashed"') >= 3
    assert "Dashed: 1 candidate that was stopped" in section
    assert not crossed(section)


def test_what_the_model_was_made_from_is_not_drawn_as_stopped():
    section = lineage_section(TAUGHT)
    assert "node stopped" not in section
    assert "Dashed" not in section


def test_quality_against_size_says_how_many_never_came_there(judged):
    verdict, _ = judged
    row = next(one for one in verdict["rows"] if one["chosen"])
    two = verdict | {"rows": [row | {"front": True, "name": name} for name in ("a", "b")]}
    stopped = stopped_by(SELECTION, *(node(digit, "distill logit-kd") for digit in "67"))
    assert "2 more were stopped early and have no place here." in packet.page(
        two, (), Background(stopped=stopped)
    )
    assert "1 more was stopped early and has no" in packet.page(two, (), Background(stopped=stopped[:1]))
    assert "no place here" not in packet.page(two)


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
    assert "best on validation, where none surely keeps 101 %" in drawn(verdict)
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
