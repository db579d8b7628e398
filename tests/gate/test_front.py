"""The Pareto front of a verdict's candidates: marked by the gate, shown by the packet."""

import re
from itertools import pairwise
from typing import Any

import pytest

from slmworks import packet
from slmworks.gate import front
from slmworks.packet import tradeoff


def row(name: str, kept: float, size: int, p50: float | None = None, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "role": "candidate", "chosen": name == "small", "bytes": size, "p50_ms": p50, "n": 100,
        "kept": {"value": kept, "low": kept - 0.02, "high": kept + 0.01}, "measures": {}, "model": name, **more,
    }  # fmt: skip


def marked(*rows: dict[str, Any]) -> list[str]:
    front.mark(rows)
    return [one["name"] for one in rows if one.get("front")]


def test_who_is_behind_in_everything_is_not_on_it() -> None:
    assert marked(row("large", 1.0, 400), row("small", 0.9, 100), row("bad", 0.89, 120)) == ["large", "small"]


def test_time_counts_where_it_was_measured_of_all() -> None:
    rows = [row("large", 1.0, 400, 9.0), row("small", 0.9, 100, 5.0), row("quick", 0.89, 120, 1.0)]
    assert marked(*rows) == ["large", "small", "quick"]
    rows[0]["p50_ms"] = None
    assert marked(*rows) == ["large", "small"]


def test_equal_candidates_are_both_on_it() -> None:
    assert marked(row("one", 0.9, 100), row("other", 0.9, 100)) == ["one", "other"]


@pytest.mark.parametrize("others", [[], [row("teacher", 1.0, 900) | {"role": "teacher"}]])
def test_one_candidate_has_no_front(others: list[dict[str, Any]]) -> None:
    rows = [*others, row("small", 0.9, 100)]
    assert marked(*rows) == []
    assert not any("front" in one for one in rows)
    assert tradeoff.section({"rows": rows}) == ""
    assert tradeoff.sentence({"rows": rows}) == ""


def test_it_is_named_and_drawn() -> None:
    rows = [row("large", 1.0, 400, 9.0), row("small", 0.9, 100, 5.0), row("b<d", 0.89, 120, 6.0)]
    front.mark(rows)
    verdict = {"passed": True, "sentence": "passed", "because": "smallest", "rows": rows}
    said = "Pareto front of 3 candidates (kept, bytes, p50): large, small"
    page = packet.page(verdict)
    assert said in page
    assert "Pareto front of 3 candidates" in packet.markdown(verdict)
    drawn = page[page.index("<svg") : page.index("</svg>")]
    assert drawn.count("<circle") == 3
    assert "b&lt;d · 6" in drawn
    (way,) = re.findall(r'points="([^"]*)"', drawn)
    (x0, y0), (x1, y1) = ([float(one) for one in spot.split(",")] for spot in way.split())
    assert x0 < x1  # the smaller one to the left
    assert y0 > y1  # and lower, since it keeps less


def test_one_is_recommended_beside_its_neighbours_on_the_front() -> None:
    rows = [
        row("small", 0.974, 10_900_000, 2.9),
        row("large", 0.98, 12_800_000, 2.3),
        row("bad", 0.9, 13_000_000, 4.0),
    ]
    front.mark(rows)
    verdict = {"rows": rows, "passed": True, "because": "smallest that keeps 97 %"}
    said = (
        "small, smallest that keeps 97 % (kept 97.4 %, 10.9 MB, 2.9 ms). "
        "Next on the front: large (kept 98.0 %, 12.8 MB, 2.3 ms)"
    )
    assert tradeoff.recommendation(verdict) == f"Recommended: {said}"
    assert f"Recommended: {said}." in str(tradeoff.section(verdict))
    assert (
        tradeoff.recommendation({**verdict, "passed": False}) == f"Nothing is recommended; judged was {said}"
    )
    assert tradeoff.recommendation({"rows": rows[:1]}) == tradeoff.recommendation({}) == ""


def test_names_do_not_lie_on_one_another() -> None:
    rows = [row(f"c{i}", 0.9 + i / 10_000, 100 + i) for i in range(8)]
    front.mark(rows)
    drawn = str(tradeoff.section({"rows": rows}))
    places = [
        float(y) for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)" text-anchor="(?:start|end)"', drawn)
    ]
    assert len(places) == 8
    for anchor in ("start", "end"):
        own = [float(y) for y in re.findall(rf'y="([\d.]+)" text-anchor="{anchor}"', drawn)]
        assert all(b - a >= tradeoff.LINE - 0.1 for a, b in pairwise(own))
