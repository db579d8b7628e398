"""Candidates that a selection stopped, as boxes beside a model's lineage: few by themselves, many folded."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slmworks.numbers import figures

if TYPE_CHECKING:
    from slmworks.lineage.ancestry import Edge, Node
    from slmworks.lineage.stopped import Stopped

FEW = 3
"""Boxes of one selection, at most."""


@dataclass(frozen=True)
class End:
    """Candidates in one box, and the selection at which they end."""

    candidates: tuple["Stopped", ...]
    nodes: tuple["Node", ...]
    """The candidates' models."""
    edges: tuple["Edge", ...]
    """What they were made from, of all that the picture shows; without a relation where other artifacts
    lie between."""
    selection: "Node"

    @property
    def lines(self) -> tuple[str, str, str]:
        """The words of the box: that they were stopped, what made them, which they are."""
        kinds = {node.kind or "?" for node in self.nodes}
        made_by = {node.made_by for node in self.nodes}
        what = kinds.pop() if len(kinds) == 1 else "artifacts"
        how = made_by.pop() if len(made_by) == 1 else f"made in {len(made_by)} ways"
        count = len(self.candidates)
        many = f"{figures.count(count)} " if count > 1 else ""
        return f"{many}stopped · {what}", how, ", ".join(one.name for one in self.candidates)

    @property
    def title(self) -> str:
        """Every candidate with its selection, rank and chance, one a line."""
        return "\n".join(f"{one.name}: stopped {one.words}" for one in self.candidates)


def ends_of(root: "Node", stopped: Sequence["Stopped"], ways: Mapping[str, "Node"]) -> list[End]:
    """The boxes to draw beside the lineage of `root`; `ways`: digest -> candidate or selection.

    Where a selection stopped more than `FEW`, those that one plugin made from the same artifacts share a box,
    and all of them do where there are more kinds. What `root` was made from isn't drawn again.
    """
    shown = _upwards(root, set())
    by: dict[str, list[Stopped]] = {}
    for one in stopped:
        if one.model in ways and one.selection in ways and one.model not in shown:
            by.setdefault(one.selection, []).append(one)
    found = []
    for digest, some in by.items():
        above = {one.model: _nearest(ways[one.model], shown) for one in some}
        at = ways[digest]
        at = replace(at, made_by=some[0].by, detail=f"{at.made_by} · {at.detail}")
        for group in _groups(some, ways, above):
            nodes = tuple(ways[one.model] for one in group)
            found.append(End(tuple(group), nodes, _joined([above[one.model] for one in group]), at))
    return found


def _upwards(node: "Node", found: set[str]) -> set[str]:
    """Digests of a node and of all that it was made from."""
    if node.digest not in found:
        found.add(node.digest)
        for edge in node.edges:
            _upwards(edge.node, found)
    return found


def _nearest(node: "Node", shown: AbstractSet[str]) -> tuple["Edge", ...]:
    """What a node was made from among those `shown`; past others, the relation is left open."""
    found: dict[str, Edge] = {}
    for edge in node.edges:
        if edge.node.digest in shown:
            found[edge.node.digest] = edge
            continue
        for further in _nearest(edge.node, shown):
            found.setdefault(further.node.digest, replace(further, relation=""))
    return tuple(found.values())


def _groups(
    stopped: Sequence["Stopped"], ways: Mapping[str, "Node"], above: Mapping[str, Sequence["Edge"]]
) -> list[list["Stopped"]]:
    """Candidates of one selection, box by box."""
    if len(stopped) <= FEW:
        return [[one] for one in stopped]
    alike: dict[object, list[Stopped]] = {}
    for one in stopped:
        made_from = frozenset((edge.relation, edge.node.digest) for edge in above[one.model])
        alike.setdefault((ways[one.model].made_by, made_from), []).append(one)
    return list(alike.values()) if len(alike) <= FEW else [list(stopped)]


def _joined(above: Sequence[Sequence["Edge"]]) -> tuple["Edge", ...]:
    """The edges of all in one box; a relation that isn't the same for all is left open."""
    found: dict[str, Edge] = {}
    for edge in (edge for edges in above for edge in edges):
        known = found.setdefault(edge.node.digest, edge)
        if known.relation != edge.relation:
            found[edge.node.digest] = replace(known, relation="")
    return tuple(found.values())
