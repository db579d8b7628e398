"""Where a model comes from, as a picture: source files on top, the model below all that it was made from.

Layers by the longest way from a source (Sugiyama, Tagawa & Toda, 1981); an edge that skips layers gets a
place of its own in each, so that no line runs through a box. Candidates that a selection stopped stand on the
right, dashed, down to that selection.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from slmworks.numbers import figures
from slmworks.packet.markup import Html, el, join

if TYPE_CHECKING:
    from slmworks.lineage.ancestry import Lineage, Node
    from slmworks.packet.ends import End

WIDE, HIGH, GAP, DROP = 232, 58, 26, 46
"""Size of a box, room beside it, room below it; in pixels."""
LETTERS = 30
LEAST = 0.8
"""A narrow screen shows the picture at no smaller scale, and scrolls."""


@dataclass
class Place:
    """A box, or the bend of an edge (no node)."""

    layer: int
    node: "Node | None" = None
    above: list["Place"] = field(default_factory=list)
    relations: list[str] = field(default_factory=list)
    """What the node is to each of `above`."""
    aside: bool = False
    """Beside the way to the model: a stopped candidate, its selection, or a bend on the way there."""
    end: "End | None" = None
    """The stopped candidates that share the box."""
    x: float = 0.0

    @property
    def y(self) -> float:
        """Upper edge of the box."""
        return 4 + self.layer * (HIGH + DROP)

    @property
    def room(self) -> int:
        """Pixels from side to side, with the room beside it."""
        return GAP + (WIDE if self.node else 0)


def picture(lineage: "Lineage", ends: Sequence["End"] = ()) -> Html:
    """The way to `lineage.root` as inline SVG, and `ends` beside it."""
    layers = _ordered(_layers(lineage.root, ends))
    width = _spread(layers)
    places = [place for row in layers for place in row]
    height = len(layers) * (HIGH + DROP) - DROP + 8
    stopped = sum(len(end.candidates) for end in ends)
    words = f"Lineage of {lineage.title}: {sum(bool(one.node) and not one.aside for one in places)} artifacts"
    words += f", and {figures.count(stopped)} stopped" if stopped else ""
    edges = [piece for place in places for piece in _edges(place)]
    boxes = [_box(place, place.node, last=place.node is lineage.root) for place in places if place.node]
    return el(
        "svg",
        el("title", words),
        *edges,
        *boxes,
        viewBox=f"0 0 {width} {height}",
        style=f"max-width:{width}px;min-width:{LEAST * width:.0f}px",
        class_="dag",
        role="img",
        aria_label=words,
    )


def _layers(root: "Node", ends: Sequence["End"]) -> list[list[Place]]:
    known: dict[str, Place] = {}
    depths: dict[str, int] = {}

    def place(node: "Node") -> Place:
        if node.digest not in known:
            above, relations = (
                [place(edge.node) for edge in node.edges],
                [edge.relation for edge in node.edges],
            )
            known[node.digest] = Place(_depth(node, depths), node, above, relations)
        return known[node.digest]

    place(root)
    places = [*known.values(), *_stopped(ends, known, depths)]
    layers: list[list[Place]] = [[] for _ in range(1 + max(one.layer for one in places))]
    bends: dict[tuple[int, int], Place] = {}
    for one in places:
        layers[one.layer].append(one)
        one.above = [_bent(one, upper, layers, bends) for upper in one.above]
    return layers


def _depth(node: "Node", known: dict[str, int]) -> int:
    """Edges of the longest way from a source to `node`."""
    if node.digest not in known:
        known[node.digest] = max((1 + _depth(edge.node, known) for edge in node.edges), default=0)
    return known[node.digest]


def _stopped(ends: Iterable["End"], known: Mapping[str, Place], depths: dict[str, int]) -> Iterator[Place]:
    """Places of the stopped candidates, and one of each selection below them."""
    at: dict[str, Place] = {}
    for end in ends:
        layer = max(_depth(node, depths) for node in end.nodes)
        above = [known[edge.node.digest] for edge in end.edges]
        relations = [edge.relation for edge in end.edges]
        box = Place(layer, end.nodes[0], above, relations, aside=True, end=end)
        selection = at.setdefault(end.selection.digest, Place(0, end.selection, aside=True))
        selection.layer = max(selection.layer, layer + 1)
        selection.above.append(box)
        selection.relations.append("")
        yield box
    yield from at.values()


def _bent(
    lower: Place, upper: Place, layers: list[list[Place]], bends: dict[tuple[int, int], Place]
) -> Place:
    """The end of a chain of bends from `upper` down to the layer above `lower`; edges share them."""
    top = id(upper)
    while upper.layer < lower.layer - 1:
        layer = upper.layer + 1
        if (top, layer) not in bends:
            bends[top, layer] = Place(layer, None, [upper], [""], aside=lower.aside)
            layers[layer].append(bends[top, layer])
        upper = bends[top, layer]
    return upper


def _spread(layers: Sequence[Sequence[Place]]) -> int:
    """Set every place's middle, what is `aside` on the right; the width of all in pixels."""
    left = GAP
    for aside in (False, True):
        rows = [[place for place in row if place.aside is aside] for row in layers]
        room = max(sum(place.room for place in row) for row in rows)
        for row in rows:
            at = left + (room - sum(place.room for place in row)) / 2
            for place in row:
                place.x = at + (place.room - GAP) / 2
                at += place.room
        left += room
    return left


def _ordered(layers: list[list[Place]]) -> list[list[Place]]:
    """Every layer in the order of the middle of what is above."""
    for before, row in pairwise(layers):
        where = {id(place): i for i, place in enumerate(before)}
        row.sort(key=lambda place: _middle([where[id(one)] for one in place.above]))
    return layers


def _middle(places: Sequence[int]) -> float:
    return sum(places) / len(places) if places else 0.0


def _edges(place: Place) -> Iterator[Html]:
    """Lines from above, entering side by side so that what they say does not overlap.

    They turn between two layers, and go straight through a layer at a bend.
    """
    end = place.y
    through = "" if place.node else f" V{end + HIGH:.0f}"
    pairs = sorted(zip(place.above, place.relations, strict=True), key=lambda pair: pair[0].x)
    for i, (above, relation) in enumerate(pairs, start=1):
        start = above.y + HIGH
        x = place.x + 1.2 * WIDE * (i / (len(pairs) + 1) - 0.5)  # 1.2: words need room
        higher = 12 if len(pairs) > 2 and i % 2 else 0
        half = (start + end) / 2
        bend = f"C{above.x:.0f} {half:.0f} {x:.0f} {half:.0f} {x:.0f} {end:.0f}{through}"
        kind = "edge dashed" if place.aside else "edge"
        yield el("path", d=f"M{above.x:.0f} {start:.0f} {bend}", class_=kind)
        if relation:
            yield el("text", relation, x=f"{x:.0f}", y=f"{end - 9 - higher:.0f}", class_="relation")


def _box(place: Place, node: "Node", *, last: bool) -> Html:
    left, top = place.x - WIDE / 2, place.y
    title = f"{node.kind} {node.digest} · {node.made_by} · {node.detail}"
    lines, digest = (node.kind or "?", node.made_by or node.detail, node.detail), node.digest[:12]
    if place.end:
        lines, title = place.end.lines, place.end.title
        digest = digest if len(place.end.nodes) == 1 else ""
    shown = [
        (text, kind) for text, kind in dict(zip(lines, ("kind", "", "soft"), strict=True)).items() if text
    ]
    texts = [
        el("text", _cut(text), x=f"{left + 12:.0f}", y=f"{top + 18 + 16 * i:.0f}", class_=kind)
        for i, (text, kind) in enumerate(shown)
    ]
    mark = el("text", digest, x=f"{left + WIDE - 12:.0f}", y=f"{top + 18:.0f}", class_="digest")
    box = el("rect", x=f"{left:.0f}", y=f"{top:.0f}", width=WIDE, height=HIGH, rx=7)
    kind = "node last" if last else "node stopped" if place.end else "node"
    return el("g", join([el("title", title), box, *texts, mark]), class_=kind)


def _cut(text: str) -> str:
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
