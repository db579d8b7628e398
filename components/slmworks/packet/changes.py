"""What changed against the champion and the teacher: answers gained and lost, and every slice."""

from collections.abc import Mapping, Sequence

from slmworks.evaluate.comparison import Comparison
from slmworks.gate.slices import Slice, slices
from slmworks.numbers import figures, statistics
from slmworks.packet.markup import Html, details, el, grid, interval, join
from slmworks.packet.sources import Found, Said, changed

SHOWN = 12
"""Labels with the largest changes that are shown; sources all are."""
RESAMPLES = 2000


def champion(verdict: Said, found: Found, texts: Mapping[str, str]) -> Html:
    """Answers gained and lost against the model that serves today."""
    title = el("h2", "What changed against today's champion")
    if found.against_champion is not None:
        return join([title, *_answers(found.against_champion, "champion", texts)])
    if found.candidate is None:
        return Html("")
    if verdict.get("champion"):
        same = any(row["chosen"] and row.get("model") == verdict["champion"] for row in verdict["rows"])
        words = "Nothing: this is today's champion." if same else "The champion's report is no longer there."
    else:
        words = "It was compared with no champion: there is none yet, or the recipe gives the gate none."
    return join([title, el("p", words)])


def teacher(found: Found, texts: Mapping[str, str]) -> Html:
    """Answers gained and lost against the teacher."""
    if found.against_teacher is None:
        return Html("")
    title = el("h2", "What changed against the teacher")
    return join([title, *_answers(found.against_teacher, "teacher", texts)])


def by_slice(found: Found) -> Html:
    """The change of accuracy in every source and in the labels that changed most, with intervals."""
    tables = [
        _slices(both, against)
        for both, against in ((found.against_champion, "champion"), (found.against_teacher, "teacher"))
        if both is not None
    ]
    if not tables:
        return Html("")
    note = (
        "Change of accuracy in points, with a 95 % interval for each slice by itself (paired Bayesian "
        f"bootstrap); all sources and the {SHOWN} labels that changed most."
    )
    return join([el("h2", "Slices"), *tables, el("p", note, class_="soft")])


def _answers(both: Comparison, against: str, texts: Mapping[str, str]) -> list[Html]:
    pairs = statistics.Outcomes.of(both.ours.right, both.theirs.right)
    said = changed(pairs.gained, pairs.lost, statistics.mcnemar(pairs.gained, pairs.lost))
    change = statistics.difference(pairs, resamples=RESAMPLES).rounded()
    examples = both.examples([texts.get(row, f"(row {row})") for row in both.ours.ids])
    rows = f"Of {figures.count(pairs.n)} rows of the test set: {said}"
    return [
        el("p", f"{rows} Accuracy {figures.change_range(change)}, 95 % interval."),
        _examples(f"Lost: the {against} was right", against, examples["lost"]),
        _examples(f"Gained: the {against} was wrong", against, examples["gained"]),
    ]


def _examples(title: str, against: str, rows: Sequence[Said]) -> Html:
    if not rows:
        return Html("")
    lines = [
        [
            el("span", one["text"], class_="text"),
            *(_breakable(one[who]) for who in ("label", "ours", "theirs")),
            figures.percent(one["probability"]),
        ]
        for one in rows
    ]
    headings = ("text", "label", "candidate", against, "sure")
    table = grid(headings, lines, text=range(4), label=title)
    return details(f"{title} (the surest {len(rows)})", table, opened=True)


def _breakable(name: str) -> Html:
    """A label's name, which a narrow column may break behind an underscore."""
    first, *others = name.split("_")
    return join([first, *(part for other in others for part in (Html("_<wbr>"), other))])


def _slices(both: Comparison, against: str) -> Html:
    every = slices(both, against, 1)
    sources = [one for one in every if one.name.startswith("source ")]
    labels = sorted(
        (one for one in every if one.name.startswith("label ")),
        key=lambda one: (one.pairs.difference * one.pairs.n, one.name),
    )
    if len(labels) > SHOWN:
        labels = sorted(labels, key=lambda one: -abs(one.pairs.gained - one.pairs.lost))[:SHOWN]
        labels.sort(key=lambda one: one.pairs.difference)
    found = [
        (one, statistics.difference(one.pairs, resamples=RESAMPLES).rounded()) for one in (*sources, *labels)
    ]
    if not found:
        return Html("")
    reach = max(0.02, *(abs(change[end]) for _, change in found for end in ("low", "high")))
    lines = [_line(one, change, reach) for one, change in found]
    headings = ("slice", "", f"change against the {against}", against, "candidate", "gained", "lost", "rows")
    return grid(headings, lines, label=f"Slices against the {against}")


def _line(one: Slice, change: Mapping[str, float], reach: float) -> list[object]:
    return [
        one.name,
        interval(change, (-reach, reach), strong=True, zero=True),
        figures.change_range(change),
        figures.score(one.pairs.theirs / one.pairs.n),
        figures.score(one.pairs.ours / one.pairs.n),
        figures.count(one.pairs.gained),
        figures.count(one.pairs.lost),
        figures.count(one.pairs.n),
    ]
