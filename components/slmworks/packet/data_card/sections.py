"""Sections of a data card, from warnings and expectations down to what programs need."""

from collections.abc import Iterator, Mapping, Sequence

from slmworks.numbers import figures
from slmworks.packet import card as parts
from slmworks.packet import drift
from slmworks.packet.data_card.described import Described
from slmworks.packet.data_card.pictures import bars, by_source, histogram
from slmworks.packet.flow import flow
from slmworks.packet.markup import Html, details, el, grid, join
from slmworks.packet.sources import Content

CLUSTERS = {"equal": "Equal texts", "near": "Near duplicates"}
PARTS = {"target": "answers", "rejected": "worse answers", "question": "questions", "marked": "marked parts"}
"""What is measured besides a split's texts."""


def sections(data: Described) -> Iterator[Html]:
    """Every section of which something is known."""
    yield head(data)
    if compared := drift.shown(data.card.get("drift")):
        yield join([el("h2", "Drift"), compared])
    if drawn := flow(data.card):
        yield join([el("h2", "What became of the rows"), drawn, *_changed(data.card)])
    yield from filter(None, (_labels(data), _lengths(data), _clusters(data.card), _examples(data.card)))
    if noise := parts.label_noise(data.card.get("label_noise")):
        yield join([el("h2", "Labels that may be wrong"), noise])
    yield _origin(data)


def head(data: Described) -> Html:
    """Name, rows, and what somebody has to know first."""
    warnings = data.card.get("warnings") or []
    known = [
        data.counted,
        f"for {data.model_task}" if data.model_task else "",
        el("code", f"sha256:{data.digest[:12]}") if data.digest else "",
    ]
    line: list[object] = []
    for one in filter(None, known):
        line += [" · ", one] if line else [one]
    said = [el("p", f"Warning: {sentence}.", class_="warning") for sentence in warnings]
    met = [el("li", one) for one in data.expected]
    expected = [el("p", f"Expected, and met ({len(met)}):"), el("ul", *met, class_="plain")] if met else []
    if not expected and data.summary is not None:
        expected = [el("p", "No expectations are set: add `expect` to the curate step.", class_="soft")]
    quiet = [] if said else [el("p", "No warnings.", class_="soft")]
    return join([el("h1", data.title), el("p", *line, class_="soft"), *said, *quiet, *expected])


def _changed(card: Content) -> list[Html]:
    found = [("Changed", card.get("changed")), ("Personal data replaced", card.get("personal_data"))]
    said = [parts.reasons(title, counts) for title, counts in found if counts]
    return [*said, *([el("p", parts.OTHER_KINDS, class_="soft")] if card.get("personal_data") else [])]


def _labels(data: Described) -> Html:
    train = data.splits.get("train", {})
    counts: Mapping[str, Mapping[str, int]] = train.get("labels_by_source") or {}
    if counts:
        return join([el("h2", "Labels by source, in train"), by_source(counts)])
    found = []
    if train.get("labels"):
        found += [el("h2", "Labels in train"), by_source({"train": train["labels"]})]
    sources = {name: dict(one.get("sources") or {}) for name, one in data.splits.items()}
    turned = {source: {split: some.get(source, 0) for split, some in sources.items()}
              for source in sorted({source for some in sources.values() for source in some})}  # fmt: skip
    if turned:
        found += [el("h2", "Sources by split"), by_source(turned, "splits")]
    return join(found)


def _lengths(data: Described) -> Html:
    if not data.splits:
        return Html("")
    train = data.splits.get("train", {})
    drawn = [histogram("texts of train", train.get("lengths") or {})]
    for part, name in PARTS.items():
        drawn.append(histogram(f"{name} of train", (train.get(part) or {}).get("lengths") or {}))
    tokens = train.get("tokens") or {}
    drawn += [histogram(f"{part} of train", one) for part, one in tokens.items()]
    others = [
        histogram(f"texts of {name}", one.get("lengths") or {})
        for name, one in data.splits.items()
        if name != "train" and one.get("lengths")
    ]
    more = [details("Other splits", el("div", *others, class_="pictures"))] if others else []
    return join([el("h2", "Lengths"), el("div", *drawn, class_="pictures"), *more, parts.splits(data.splits)])


def _clusters(card: Content) -> Html:
    found: list[object] = []
    for name, one in (card.get("clusters") or {}).items():
        title = CLUSTERS.get(name, name)
        said = f"{title}: {figures.count(one['clusters'])} clusters of {figures.count(one['rows'])} rows"
        sizes = [(_size(one["sizes"], i), count) for i, (_, count) in enumerate(one["sizes"])]
        examples = [
            el(
                "li",
                f"{figures.count(big['rows'])} rows",
                el("ul", *(el("li", text) for text in _unlike(big["texts"]))),
            )
            for big in one["largest"]
        ]
        found += [
            el("h3", said),
            bars(sizes, "rows of a cluster", f"{title}: clusters by size"),
            details("The largest", el("ul", *examples, class_="texts")),
        ]
    return join([el("h2", "Duplicates"), *found]) if found else Html("")


def _unlike(texts: Sequence[str]) -> list[str]:
    """Texts for people: the same beginning is not shown twice."""
    found = list(dict.fromkeys(texts))
    same = len(texts) - len(found)
    return [*found, f"{same} more that begin the same"] if same else found


def _size(sizes: Sequence[Sequence[int]], i: int) -> str:
    upper, before = sizes[i][0], {2: 1, 3: 2, 4: 3, 5: 4, 10: 5, 20: 10, 50: 20, 100: 50}
    lower = before.get(upper, 100) + 1
    return str(upper) if lower == upper else f"{lower}–{upper}"


def _examples(card: Content) -> Html:
    found = [
        details(
            f"{why}: {figures.count(card.get('dropped', {}).get(why, 0))}",
            el("ul", *map(_example, some), class_="texts"),
            opened=True,
        )
        for why, some in (card.get("examples") or {}).items()
    ]
    note = el(
        "p",
        "Rows that were left out. Personal data and keys are masked here, whatever the data has.",
        class_="soft",
    )
    return join([el("h2", "Examples of each reason"), note, *found]) if found else Html("")


def _example(one: Mapping[str, str]) -> Html:
    said: list[object] = [one["text"]] if "text" in one else []
    said += [el("small", f" {_about(one, '')}")] if _about(one, "") else []
    if one.get("beside"):
        same = one["beside"] == one.get("text")
        about = _about(one, "beside_")
        stays = "the row that stays begins the same" if same else f"stays: {one['beside']}"
        if one.get("label") != one.get("beside_label") and not one.get("beside_split") and same:
            stays = "the same text"
        said.append(el("div", stays, el("small", f" {about}") if about else "", class_="soft"))
    for key in ("row", "detail"):
        if one.get(key):
            said.append(el("div", one[key], class_="soft"))
    return el("li", *said)


def _about(one: Mapping[str, str], prefix: str) -> str:
    known = [one.get(f"{prefix}{key}", "") for key in ("label", "place", "split")]
    said = " · ".join(filter(None, known))
    return f"({said})" if said else ""


def _origin(data: Described) -> Html:
    card = data.card
    inputs = [
        (name, ", ".join(one.get("files", []))) for name, one in sorted((card.get("inputs") or {}).items())
    ]
    columns = sorted((card.get("columns") or {}).items())
    found: list[object] = [
        el("h2", "Origin and form"),
        *parts.licences(card),
        parts.synthetic(card.get("synthetic")),
    ]
    if inputs:
        found.append(grid(("input", "files"), inputs, text=(0, 1), label="Inputs"))
    if columns:
        found.append(grid(("column", "type"), columns, text=(0, 1), label="Columns"))
    if data.digest:
        where = ["Files: ", el("code", data.address), " · "] if data.address else []
        found.append(el("p", *where, "digest ", el("code", data.digest), class_="soft"))
    return join(found)
