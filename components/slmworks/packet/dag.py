"""Where a model comes from, as a picture: source files on top, the model at the bottom.

Layers by the longest way from a source (Sugiyama, Tagawa & Toda, 1981); an edge that skips layers gets a
place of its own in each, so that no line runs through a box.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from slmworks.packet.markup import Html, el, join

if TYPE_CHECKING:
    from slmworks.lineage.ancestry import Lineage, Node

WIDE, HIGH, GAP, DROP = 232, 58, 26, 46
"""Size of a box, room beside it, room below it; in pixels."""
LETTERS = 30


@dataclass
class Place:
    """A box, or the bend of an edge (no node)."""

    layer: int
    node: "Node | None" = None
    above: list["Place"] = field(default_factory=list)
    relations: list[str] = field(default_factory=list)
    """What the node is to each of `above`."""
    x: float = 0.0

    @property
    def y(self) -> float:
        """Upper edge of the box."""
        return 4 + self.layer * (HIGH + DROP)


def picture(lineage: "Lineage") -> Html:
    """The way to `lineage.root` as inline SVG."""
    layers = _ordered(_layers(lineage.root))
    width = max(len(row) for row in layers) * (WIDE + GAP) + GAP
    for row in layers:
        first = (width - len(row) * (WIDE + GAP) + GAP) / 2
        for i, place in enumerate(row):
            place.x = first + i * (WIDE + GAP) + WIDE / 2
    places = [place for row in layers for place in row]
    height = len(layers) * (HIGH + DROP) - DROP + 8
    words = f"Lineage of {lineage.title}: {sum(place.node is not None for place in places)} artifacts"
    edges = [piece for place in places for piece in _edges(place)]
    boxes = [_box(place, place.node, last=place.node is lineage.root) for place in places if place.node]
    return el(
        "svg",
        el("title", words),
        *edges,
        *boxes,
        viewBox=f"0 0 {width} {height}",
        style=f"max-width:{width}px",
        class_="dag",
        role="img",
        aria_label=words,
    )


def _layers(root: "Node") -> list[list[Place]]:
    known: dict[str, Place] = {}

    def place(node: "Node") -> Place:
        if node.digest not in known:
            above = [(edge.relation, place(edge.node)) for edge in node.edges]
            layer = max((one.layer + 1 for _, one in above), default=0)
            known[node.digest] = Place(layer, node, [one for _, one in above], [how for how, _ in above])
        return known[node.digest]

    bottom = place(root)
    layers: list[list[Place]] = [[] for _ in range(bottom.layer + 1)]
    for one in list(known.values()):
        layers[one.layer].append(one)
        one.above = [_bent(one.layer, upper, layers) for upper in one.above]
    return layers


def _bent(layer: int, upper: Place, layers: list[list[Place]]) -> Place:
    """The end of a chain of bends from `upper` down to the layer above `layer`."""
    while upper.layer < layer - 1:
        upper = Place(upper.layer + 1, None, [upper], [""])
        layers[upper.layer].append(upper)
    return upper


def _ordered(layers: list[list[Place]]) -> list[list[Place]]:
    """Every layer in the order of the middle of what is above."""
    for before, row in pairwise(layers):
        where = {id(place): i for i, place in enumerate(before)}
        row.sort(key=lambda place: _middle([where[id(one)] for one in place.above]))
    return layers


def _middle(places: Sequence[int]) -> float:
    return sum(places) / len(places) if places else 0.0


def _edges(place: Place) -> Iterator[Html]:
    """Lines from above, entering side by side so that what they say does not overlap."""
    end = place.y if place.node else place.y + HIGH / 2
    pairs = sorted(zip(place.above, place.relations, strict=True), key=lambda pair: pair[0].x)
    for i, (above, relation) in enumerate(pairs, start=1):
        start = above.y + HIGH if above.node else above.y + HIGH / 2
        x = place.x + 1.2 * WIDE * (i / (len(pairs) + 1) - 0.5)  # 1.2: words need room
        half = (start + end) / 2
        bend = f"C{above.x:.0f} {half:.0f} {x:.0f} {half:.0f} {x:.0f} {end:.0f}"
        yield el("path", d=f"M{above.x:.0f} {start:.0f} {bend}", class_="edge")
        if relation:
            yield el("text", relation, x=f"{x:.0f}", y=f"{end - 9:.0f}", class_="relation")


def _box(place: Place, node: "Node", *, last: bool) -> Html:
    left, top = place.x - WIDE / 2, place.y
    lines = ((node.kind or "?", "kind"), (node.made_by or node.detail, ""), (node.detail, "soft"))
    shown = [(text, kind) for text, kind in dict(lines).items() if text]
    texts = [
        el("text", _cut(text), x=f"{left + 12:.0f}", y=f"{top + 18 + 16 * i:.0f}", class_=kind)
        for i, (text, kind) in enumerate(shown)
    ]
    digest = el("text", node.digest[:12], x=f"{left + WIDE - 12:.0f}", y=f"{top + 18:.0f}", class_="digest")
    box = el("rect", x=f"{left:.0f}", y=f"{top:.0f}", width=WIDE, height=HIGH, rx=7)
    title = el("title", f"{node.kind} {node.digest} · {node.made_by} · {node.detail}")
    return el("g", join([title, box, *texts, digest]), class_="node last" if last else "node")


def _cut(text: str) -> str:
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
