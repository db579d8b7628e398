"""The reviewer's page says what it is about, how the model was trained, and what it takes for what."""

import html
import re

import pytest

from releases import LABELS
from slmworks.model_tasks.text_classification.page import confusion
from slmworks.packet import tradeoff
from slmworks.packet.about import About, title
from slmworks.packet.gather import packet
from slmworks.packet.markup import interval
from slmworks.packet.training import Trained, curves_of, early_end, section
from slmworks.store import open_store
from stories import Story


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    store = open_store(str(folder / "store"))
    story = Story(store, folder / "story").tell().end()
    return packet(store, story.made["gate"].digest)[1]


def text(page):
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def test_two_pages_can_be_told_apart_in_tabs_and_on_paper(page):
    assert "<title>reviews v1: refused (run-1)</title>" in page  # a verdict that says nothing of passing
    line = text(page)
    assert "reviews v1 · recipe reviews · run run-1 · 2026-11-22 09:59 UTC · by ada · on h · sha256:" in line


def test_curves_and_options_of_the_steps_to_the_model_are_on_it(page):
    assert "How it was trained" in page
    assert "teacher (finetune classifier)" in page
    assert "loss: 1.00 → 0.17" in page
    assert "layers" in text(page)


def test_a_page_of_nothing_known_says_only_how_it_went():
    assert title("passed", None) == title("passed", About()) == "Verdict: passed"
    assert About().line() == ""


def test_where_patience_ended_is_said():
    points = [{"step": 5, "time": 1.0, "loss": 2.0}, {"step": 9, "time": 2.0, "stopped_epoch": 3.0}]
    assert (early_end(points), early_end(points[:1]), early_end([])) == (3, 0, 0)
    early, whole = (section([Trained("t", "x y", {}, {"a": [(0, 1), (1, 2)]}, epoch)]) for epoch in (3, 0))
    assert "Stopped after epoch 3" in early
    assert "Stopped" not in whole


def test_a_point_is_no_curve():
    assert curves_of([{"step": 0, "time": 1.0, "loss": 2.0}]) == {}
    assert curves_of([{"step": 0, "time": 1.0, "a": 2.0}, {"step": 5, "time": 2.0, "a": 1.0}]) == {
        "a": [(0.0, 2.0), (5.0, 1.0)]
    }
    flat = section([Trained("t", "x y", {}, {"a": [(0.0, 1.0), (1.0, 1.0)]})])
    assert "nan" not in flat


def test_text_of_others_is_escaped():
    drawn = section([Trained("<b>", "x y", {"o": "<script>"}, {"<i>": [(0, 1), (1, 2)]})])
    assert "<script>" not in drawn
    assert "<b>" not in drawn
    assert "<i>" not in drawn


def test_a_value_beyond_the_line_is_an_arrow_at_its_end():
    near, far = ({"value": v, "low": v, "high": v} for v in (0.8, 0.1))
    assert "<circle" in interval(near, (0.7, 0.9))
    assert "<polygon" in interval(far, (0.7, 0.9))


def split(matrix, labels=LABELS):
    return {"details": {"confusion": {"labels": list(labels), "matrix": matrix}}}


def test_the_commonest_mistakes_come_first():
    drawn = text(confusion(split([[8, 2, 0], [0, 9, 1], [5, 0, 5]])))
    assert drawn.index("positivenegative550.0 %") < drawn.index("negativeneutral220.0 %")


def test_many_labels_are_folded_and_very_many_named_only():
    def square(n):
        labels = [f"label {i}" for i in range(n)]
        return confusion(
            split([[9 if i == j else int(j == i + 1) for j in range(n)] for i in range(n)], labels)
        )

    assert "<details" not in square(30)
    assert "All 31 × 31" in square(31)
    assert "All 101" not in square(101)
    assert "label 10<" in square(101)
    assert "Nothing: every answer is right." in confusion(split([[3, 0, 0], [0, 3, 0], [0, 0, 3]]))


def test_the_line_joins_those_that_keep_more_than_any_smaller_one():
    kept = {"bag": (0.57, 0.985), "words": (1.4, 0.954), "two": (2.7, 0.969), "four": (4.5, 0.992)}
    rows = [
        {
            "name": name,
            "bytes": int(size * 1e6),
            "kept": {"value": value},
            "front": name != "two",  # the linear model is the fastest
            "chosen": name == "four",
        }
        for name, (size, value) in kept.items()
    ]
    drawn = str(tradeoff.section({"rows": rows}))
    dots = dict(zip(kept, re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn), strict=True))
    (line,) = re.findall(r'<polyline points="([^"]*)"', drawn)
    assert line == " ".join(",".join(dots[name]) for name in ("bag", "four"))
    assert "The line joins" in drawn
    rows[0]["kept"] = {"value": 0.999}  # the smallest keeps the most: there is no line
    assert "The line joins" not in str(tradeoff.section({"rows": rows}))


def test_names_of_candidates_that_are_near_each_other_cover_nothing():
    rows = [
        {
            "name": f"small_cut_thin.keep={i}",
            "bytes": 3_200_000 + 9_000 * i,
            "kept": {"value": 0.986 + 0.0002 * (i % 3)},
            "front": True,
            "chosen": i == 0,
            "p50_ms": 1.4,
        }
        for i in range(8)
    ]
    drawn = str(tradeoff.section({"rows": rows}))
    found = re.findall(
        r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)" class="spot">([^<]+)</text>', drawn
    )
    assert len(found) == 8
    boxes = []
    for x, y, anchor, said in found:
        wide = tradeoff.LETTER * len(html.unescape(said))
        left = float(x) - (wide if anchor == "end" else 0)
        boxes.append((left, float(y) - tradeoff.LINE + 3, left + wide, float(y) + 3))
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            aside = one[2] <= other[0] or other[2] <= one[0]
            assert aside or one[3] <= other[1] + 0.1 or other[3] <= one[1] + 0.1, (one, other)
