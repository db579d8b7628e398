"""Changes against the champion and the teacher: answers gained and lost, and every slice."""

from collections.abc import Mapping, Sequence

from slmworks.contract.model_task import Measure, ModelTask
from slmworks.evaluate.comparison import Comparison
from slmworks.gate.slices import Slice, slices
from slmworks.numbers import figures, statistics
from slmworks.numbers.paired import Paired
from slmworks.packet.markup import Html, details, el, grid, interval, join
from slmworks.packet.sources import Content, Found, Texts, changed

SHOWN = 12
"""Slices of a kind with the largest changes that are shown; sources all are."""
SMALLEST = 0.02
"""Least reach of the axis that changes of shares are drawn on."""


def champion(verdict: Content, found: Found, texts: Texts) -> Html:
    """Answers gained and lost against the model that serves today."""
    if found.candidate is None or found.model_task is None:
        return Html("")
    title = el("h2", "What changed against today's champion")
    if found.against_champion is not None:
        return join([title, *_answers(found, found.against_champion, "champion", texts)])
    if verdict.get("champion"):
        same = any(row["chosen"] and row.get("model") == verdict["champion"] for row in verdict["rows"])
        words = "Nothing: this is today's champion." if same else "The champion's report is no longer there."
    else:
        words = "It was compared with no champion: there is none yet, or the recipe gives the gate none."
    return join([title, el("p", words)])


def teacher(found: Found, texts: Texts) -> Html:
    """Answers gained and lost against the teacher."""
    if found.against_teacher is None or found.model_task is None:
        return Html("")
    title = el("h2", "What changed against the teacher")
    return join([title, *_answers(found, found.against_teacher, "teacher", texts)])


def by_slice(found: Found) -> Html:
    """The change of the deciding measure in every source and in the slices that changed most."""
    both = [
        (one, against)
        for one, against in ((found.against_champion, "champion"), (found.against_teacher, "teacher"))
        if one is not None
    ]
    tables = [table for table in (_slices(one, against) for one, against in both) if table]
    if not tables:
        return Html("")
    measure = both[0][0].measure
    unit = " in points" if measure.is_share else ""
    note = (
        f"Change of {measure.title}{unit}, with a 95 % interval for each slice by itself (paired Bayesian "
        f"bootstrap); all sources, and of every other kind the {SHOWN} slices that changed most."
    )
    return join([el("h2", "Slices"), *tables, el("p", note, class_="soft")])


def _answers(found: Found, both: Comparison, against: str, texts: Texts) -> list[Html]:
    task, pairs = found.model_task, both.pairs()
    assert task is not None
    examples = both.examples(both.ours.ids)
    known = texts([one["id"] for some in examples.values() for one in some])
    rows = f"Of {figures.count(pairs.n)} rows of the test set: {changed(pairs, found.p_against(against))}"
    change = both.measure.change_range(_change(both.measure, pairs))
    right, wrong = ("right", "wrong") if pairs.binary else ("better", "worse")
    return [
        el("p", f"{rows} {_sentence_case(both.measure.title)} {change}, 95 % interval."),
        _examples(task, f"Lost: the {against} was {right}", against, examples["lost"], known),
        _examples(task, f"Gained: the {against} was {wrong}", against, examples["gained"], known),
    ]


def _examples(
    task: ModelTask, title: str, against: str, rows: Sequence[Content], known: Mapping[str, str]
) -> Html:
    if not rows:
        return Html("")
    sure = any(one["confidence"] is not None for one in rows)
    lines = [
        [
            el("span", known.get(one["id"], f"(row {one['id']})"), class_="text"),
            *(_breakable(one[key]) for key in ("truth", "ours", "theirs")),
            *([_sureness(one["confidence"])] if sure else []),
        ]
        for one in rows
    ]
    headings = (
        ", ".join(task.inputs),
        ", ".join(task.targets),
        "candidate",
        against,
        *(["sure"] if sure else []),
    )
    table = grid(headings, lines, text=range(4), label=title)
    which = f"the surest {len(rows)}" if sure else f"{len(rows)} of them"
    return details(f"{title} ({which})", table, opened=True)


def _sureness(confidence: float | None) -> str:
    return figures.NOTHING if confidence is None else figures.percent(confidence)


def _breakable(name: str) -> Html:
    """A name, which a narrow column may break behind an underscore."""
    first, *others = name.split("_")
    return join([first, *(part for other in others for part in (Html("_<wbr>"), other))])


def _slices(both: Comparison, against: str) -> Html:
    every = slices(both, against, 1)
    kinds = list(dict.fromkeys(one.kind for one in every))
    shown = [
        one for kind in kinds for one in _of_kind(kind, [other for other in every if other.kind == kind])
    ]
    if not shown:
        return Html("")
    changes = [_change(both.measure, one.pairs) for one in shown]
    least = SMALLEST if both.measure.is_share else 0.0
    reach = max(least, *(abs(change[end]) for change in changes for end in ("low", "high")))
    lines = [_line(both.measure, one, change, reach) for one, change in zip(shown, changes, strict=True)]
    headings = ("slice", "", f"change against the {against}", against, "candidate", "gained", "lost", "rows")
    return grid(headings, lines, label=f"Slices against the {against}")


def _of_kind(kind: str, found: Sequence[Slice]) -> list[Slice]:
    """All sources by name; of another kind those that changed most, the worst first."""
    if kind == "source":
        return list(found)
    worst_first = sorted(found, key=lambda one: (_rows_worth(one), one.name))
    most = sorted(worst_first, key=lambda one: -abs(_rows_worth(one)))[:SHOWN]
    if len(found) > SHOWN:
        return sorted(most, key=lambda one: one.pairs.difference)
    return worst_first


def _rows_worth(one: Slice) -> float:
    """The change of a slice, weighted by its rows: rows gained less rows lost, for right and wrong."""
    return round(one.pairs.difference * one.pairs.n, 6)


def _change(measure: Measure, pairs: Paired) -> dict[str, float]:
    """The change of a measure's value with its 95 % interval."""
    return moved(measure, statistics.difference(pairs).rounded())


def moved(measure: Measure, better: Mapping[str, float]) -> dict[str, float]:
    """The change of a measure's value from how much better it is: `value`, `low`, `high`."""
    ends = ("low", "high") if measure.higher_is_better else ("high", "low")
    return {
        "value": measure.moved(better["value"]),
        "low": measure.moved(better[ends[0]]),
        "high": measure.moved(better[ends[1]]),
    }


def _line(measure: Measure, one: Slice, change: Mapping[str, float], reach: float) -> list[object]:
    return [
        one.name,
        interval(change, (-reach, reach), strong=True, zero=True),
        measure.change_range(change),
        measure.written(one.pairs.other),
        measure.written(one.pairs.value),
        figures.count(one.pairs.gained),
        figures.count(one.pairs.lost),
        figures.count(one.pairs.n),
    ]


def _sentence_case(title: str) -> str:
    """A title at the start of a sentence: `Accuracy`, but `nDCG@10`."""
    return title.capitalize() if title.islower() else title
