"""The data card: rows in and out and why, lengths, sources, licences as they were declared."""

from collections.abc import Mapping, Sequence

from slmworks.contract.model_card import UNDECLARED
from slmworks.numbers import figures
from slmworks.packet import drift
from slmworks.packet.flow import flow
from slmworks.packet.markup import Html, details, el, grid, join
from slmworks.packet.sources import Content

FEW = 6
"""So many labels are listed in a cell; more are counted, and listed below."""

STRANGE = "its card.json is of another form than this page reads, and is left out"
WHOLE = "All of it, with examples: card.html of the curate step's run in MLflow, or "
OTHER_KINDS = "Personal data of kinds that are not listed, such as names and postal addresses, was left in."


def data(card: Content | None, digest: str = "") -> Html:
    """The content of `card.json`, as far as there is any; `digest`: the data set's."""
    if not card:
        return Html("")
    try:
        return _data(card, digest)
    except (AttributeError, LookupError, TypeError, ValueError):  # a curate plugin from elsewhere wrote it
        return join([el("h2", "Data"), el("p", f"Warning: {STRANGE}.", class_="warning")])


def _data(card: Content, digest: str) -> Html:
    parts = [_rows(card.get("rows", {})), synthetic(card.get("synthetic")), *licences(card)]
    for title, key in (("Dropped", "dropped"), ("Changed", "changed"), ("Personal data", "personal_data")):
        if counts := card.get(key):
            parts.append(reasons(title, counts))
    if card.get("steps"):
        parts.append(details("What became of the rows", flow(card)))
    parts += [label_noise(card.get("label_noise")), drift.shown(card.get("drift"))]
    if card.get("personal_data"):
        parts.append(el("p", OTHER_KINDS))
    parts += [el("p", f"Warning: {sentence}.", class_="warning") for sentence in card.get("warnings", [])]
    found = {name: one for name, one in card.get("splits", {}).items() if isinstance(one, Mapping)}
    parts += [splits(found)] if found else []
    if digest:
        command = el("code", f"slmworks data {digest[:12]} --card FOLDER")
        parts.append(el("p", WHOLE, command, class_="soft"))
    written = [part for part in parts if part]
    return join([el("h2", "Data"), *written]) if written else Html("")


def splits(found: Mapping[str, Content]) -> Html:
    """Splits with rows and lengths, and the rows of every label."""
    counted = [key for key in ("labels", "sources") if any(one.get(key) for one in found.values())]
    lines = [_split(name, one, counted) for name, one in found.items()]
    headings = ("split", "rows", "characters: median", "95 %", "longest", "", *counted)
    return join([grid(headings, lines, text=(0, 5, 6, 7), label="Splits"), _labels(found)])


def _rows(rows: Content) -> Html:
    if not {"in", "out"} <= rows.keys():
        return Html("")
    return el("p", f"{figures.count(rows['in'])} rows in, {figures.count(rows['out'])} rows out.")


def synthetic(about: Content | None) -> Html:
    """Rows that a teacher wrote: how many, their share, by whom, and what they cost."""
    if not about:
        return Html("")
    teacher, cost = about["teacher"], about.get("cost", {})
    words = (
        f"Synthetic: {figures.count(about['kept'])} rows, {figures.percent(about['share_of_train'])} of train"
        f", written by {teacher['format']} {teacher['digest'][:12]} "
        f"({figures.count(about['asked'])} asked for, {figures.count(int(cost.get('tokens', 0)))} tokens"
    )
    return el("p", words + (f", {cost['money']:,.4g} in its currency)." if "money" in cost else ")."))


def label_noise(about: Content | None) -> Html:
    """Labels that are probably wrong: how many, the pairs that are confused most, and the first rows."""
    if not about:
        return Html("")
    out = (
        f", and the first {figures.count(about['dropped'])} are left out of train" if about["dropped"] else ""
    )
    said = (
        f"Labels: {figures.count(about['issues'])} of {figures.count(about['ranked'])} are probably wrong; "
        f"all rows, the worst first, are in label_noise.jsonl{out}."
    )
    pairs = [(one["label"], one["suggested"], figures.count(one["rows"])) for one in about["confused"]]
    first = [(one["text"], one["label"], one["suggested"], f"{one['score']:.3f}") for one in about["first"]]
    tables = [
        grid(("label", "probably", "rows"), pairs, text=(0, 1), label="Labels that are confused"),
        grid(("text", "label", "probably", "score"), first, text=(0, 1, 2), label="The first rows"),
    ]
    return join(
        [el("p", said), *([details("Labels that are probably wrong", join(tables))] if pairs else [])]
    )


def licences(card: Content) -> list[Html]:
    """Licences as declared, and that none is."""
    declared = [el("p", f"Licence: {card['licence']}")] if card.get("licence") else []
    named = card.get("licences") or {}
    if named:
        parts: list[object] = []
        for name, text in sorted(named.items()):
            said = text or el("span", UNDECLARED, class_="warning")
            parts += ["; " if parts else "Licences as declared: ", f"{name}: ", said]
        declared.append(el("p", *parts))
    return declared or [el("p", f"Licence: {UNDECLARED}.", class_="warning")]


def reasons(title: str, counts: Mapping[str, int]) -> Html:
    """Reasons with their rows, in a line."""
    listed = ", ".join(f"{reason} {figures.count(count)}" for reason, count in sorted(counts.items()))
    return el("p", f"{title}: {listed}")


def _split(name: str, one: Content, counted: Sequence[str]) -> list[object]:
    lengths = one.get("lengths") or {}
    known = {**one.get("characters", {}), **lengths.get("quantiles", {})}
    spread = (known.get("p50", known.get("median")), known.get("p95"), known.get("max"))
    return [
        name,
        figures.count(one["rows"]),
        *(figures.NOTHING if value is None else figures.count(round(value)) for value in spread),
        _histogram(lengths.get("histogram") or []),
        *(_few(one.get(key, {}), key) for key in counted),
    ]


def _few(counts: Mapping[str, int], what: str) -> str:
    if len(counts) > FEW:
        low, high = (figures.count(of(counts.values())) for of in (min, max))
        return f"{len(counts)} {what}, {low}–{high} rows each"
    return ", ".join(f"{key or '(none)'} {figures.count(count)}" for key, count in sorted(counts.items()))


def _histogram(bins: Sequence[Sequence[float]]) -> Html:
    """Bars of equal width, one a bin `[upper end, rows]`."""
    if not bins:
        return Html("")
    most, wide, high = max(count for _, count in bins) or 1, 8, 24
    bars = [
        el(
            "rect",
            el("title", f"up to {upper:g}: {figures.count(int(count))} rows"),
            x=i * wide,
            y=f"{high - high * count / most:.1f}",
            width=wide - 1,
            height=f"{high * count / most:.1f}",
            class_="column",
        )
        for i, (upper, count) in enumerate(bins)
    ]
    words = f"Lengths up to {bins[-1][0]:g}, {len(bins)} bins"
    return el("svg", *bars, width=wide * len(bins), height=high, role="img", aria_label=words)


def _labels(splits: Mapping[str, Content]) -> Html:
    """Rows of every label in every split, where there are too many for a cell."""
    labels = sorted({label for one in splits.values() for label in one.get("labels", {})})
    if len(labels) <= FEW:
        return Html("")
    named = [name for name, one in splits.items() if one.get("labels")]
    lines = [
        [label, *(figures.count(splits[name]["labels"].get(label, 0)) for name in named)] for label in labels
    ]
    return details(f"All {len(labels)} labels", grid(("label", *named), lines, label="Labels"))
