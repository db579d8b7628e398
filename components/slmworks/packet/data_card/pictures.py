"""Pictures of a data card as inline SVG and bars: lengths, labels by source, sizes of clusters."""

from collections import Counter
from collections.abc import Mapping, Sequence

from slmworks.numbers import figures
from slmworks.packet.markup import Html, details, el, grid, join
from slmworks.packet.sources import Content

WIDE, HIGH, FOOT, HEAD = 300, 96, 18, 14
"""Pixels of a histogram: its bars, room for numbers below and above."""
COLOURS = 6
"""Sources with a colour of their own; all others share the last one."""
MOST = 24
"""Labels that are drawn; of more, the most and the least frequent."""


def histogram(title: str, lengths: Content) -> Html:
    """Rows by length, with median and 95th percentile; the last bar is all that is longer."""
    bins = [(int(upper), int(count)) for upper, count in lengths.get("histogram") or []]
    if not bins:
        return Html("")
    unit, quantiles = lengths.get("unit", "characters"), lengths.get("quantiles", {})
    most = max(count for _, count in bins) or 1
    wide = WIDE / len(bins)
    bars = [
        el(
            "rect",
            el(
                "title",
                f"up to {figures.count(upper)} {unit}: {figures.count(count)} rows",
            ),
            x=f"{i * wide + 0.5:.1f}",
            y=f"{HEAD + HIGH * (1 - count / most):.1f}",
            width=f"{max(1.0, wide - 1):.1f}",
            height=f"{HIGH * count / most:.1f}",
            class_="column",
        )
        for i, (upper, count) in enumerate(bins)
    ]
    ticks = [
        el("text", figures.count(bins[i][0]), x=f"{(i + 1) * wide:.1f}", y=HEAD + HIGH + 13, class_="tick")
        for i in _spread(len(bins))
    ]
    known = [
        f"{name} {figures.count(round(quantiles[key]))}" for key, name in _NAMED.items() if key in quantiles
    ]
    words = f"{title}: {', '.join(known)} {unit}"
    top = el("text", f"{figures.count(most)} rows", x=0, y=10, class_="tick start")
    foot = el("line", x1=0, x2=WIDE, y1=HEAD + HIGH, y2=HEAD + HIGH, class_="axis")
    drawn = el(
        "svg", *bars, foot, *ticks, top,
        width=WIDE + 24, height=HEAD + HIGH + FOOT, viewBox=f"-2 0 {WIDE + 24} {HEAD + HIGH + FOOT}",
        role="img", aria_label=words, class_="fits",
    )  # fmt: skip
    return el("figure", drawn, el("figcaption", words))


_NAMED = {"p50": "median", "p95": "95 % up to", "max": "longest"}


def _spread(bins: int) -> list[int]:
    """Places of some bins, the last one among them, far enough apart for their numbers."""
    step = max(1, -(-bins // 5))
    return sorted({*range(step - 1, max(1, bins - step + 1), step), bins - 1})


def by_source(counts: Mapping[str, Mapping[str, int]], noun: str = "labels") -> Html:
    """Rows of each label as a bar of its sources; `counts`: source -> label -> rows."""
    totals: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    for source, labels in counts.items():
        totals.update(labels)
        sources[source] += sum(labels.values())
    if not totals:
        return Html("")
    order = [source for source, _ in sources.most_common()]
    ordered = sorted(totals, key=lambda label: (-totals[label], label))
    shown = ordered if len(ordered) <= MOST else [*ordered[: MOST * 2 // 3], *ordered[-MOST // 3 :]]
    lines = [(_stack(label, totals, order, counts), figures.count(totals[label])) for label in shown]
    rows: list[tuple[object, ...]] = [
        (label or "(none)", bar, count) for label, (bar, count) in zip(shown, lines, strict=True)
    ]
    if len(shown) < len(ordered):
        gap = (f"… {figures.count(len(ordered) - len(shown))} {noun} between", "", "")
        rows.insert(MOST * 2 // 3, gap)
    drawn = grid(
        ("", "rows by source" if len(order) > 1 else "rows", ""), rows, text=(0, 1), label=f"Rows of {noun}"
    )
    return join(
        [_legend(order) if len(order) > 1 else "", drawn, _numbers(ordered, order, totals, counts, noun)]
    )


def _stack(
    label: str, totals: Mapping[str, int], order: Sequence[str], counts: Mapping[str, Mapping[str, int]]
) -> Html:
    most = max(totals.values())
    parts = [
        el("i", title=f"{source}: {figures.count(rows)}", class_=f"s{min(i, COLOURS - 1)}",
           style=f"width:{100 * rows / most:.2f}%")
        for i, source in enumerate(order)
        if (rows := counts[source].get(label, 0))
    ]  # fmt: skip
    words = ", ".join(
        f"{source} {figures.count(counts[source][label])}" for source in order if counts[source].get(label)
    )
    return el("span", *parts, class_="stack", role="img", aria_label=words)


def _legend(order: Sequence[str]) -> Html:
    named = (
        [*order] if len(order) <= COLOURS else [*order[: COLOURS - 1], f"{len(order) - COLOURS + 1} others"]
    )
    keys = [el("span", el("i", class_=f"s{i}"), name, class_="key") for i, name in enumerate(named)]
    return el("p", *keys, class_="legend")


def _numbers(
    ordered: Sequence[str],
    order: Sequence[str],
    totals: Mapping[str, int],
    counts: Mapping[str, Mapping[str, int]],
    noun: str,
) -> Html:
    """All of them as a table, where the picture leaves some out or colours would have to be compared."""
    if len(ordered) <= MOST and len(order) == 1:
        return Html("")
    cells = [
        (
            label or "(none)",
            figures.count(totals[label]),
            *(figures.count(counts[one].get(label, 0)) for one in order),
        )
        for label in ordered
    ]
    table = grid((noun.removesuffix("s"), "rows", *order), cells, label=f"All {noun}")
    return details(f"All {figures.count(len(ordered))} {noun} as numbers", table)


def bars(counts: Sequence[tuple[str, int]], heading: str, label: str) -> Html:
    """Names with their rows as bars."""
    most = max((count for _, count in counts), default=0) or 1
    lines = [
        (name, el("span", el("i", class_="s0", style=f"width:{100 * count / most:.2f}%"), class_="stack",
                  aria_hidden="true"), figures.count(count))
        for name, count in counts
    ]  # fmt: skip
    return grid((heading, "", ""), lines, text=(0, 1), label=label)
