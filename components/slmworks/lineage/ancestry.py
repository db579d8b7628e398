"""Ancestry of a registered version, or of any digest, back to its source files.

Reads manifests and the approval log in the store; never MLflow.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.catalog import traits
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.manifest import Manifest
from slmworks.contract.plain_text import one_line
from slmworks.execution.origins import Origins
from slmworks.numbers import figures
from slmworks.registry.log import Registry
from slmworks.registry.state import Version
from slmworks.registry.version_names import VersionName

if TYPE_CHECKING:
    from slmworks.store import Store

_DIGEST = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True)
class Node:
    """One artifact and the artifacts that it was made from."""

    digest: str
    kind: str
    """`Files`, `Dataset`, `Model`, …; empty for one without a manifest."""
    made_by: str
    """Stage and plugin."""
    detail: str
    """Sources, rows, parameters or decision, in short."""
    edges: tuple["Edge", ...] = ()


@dataclass(frozen=True)
class Edge:
    """Relation of an artifact to one of its inputs."""

    relation: str
    node: Node


@dataclass(frozen=True)
class Lineage:
    """An artifact's ancestry, as a tree."""

    title: str
    root: Node


def lineage_of(store: "Store", what: str, known: Origins | None = None) -> Lineage:
    """Walk back from `name@champion`, `name@candidate`, `name@2`, `name` or the start of a digest.

    `known`: what earlier walks have read.
    """
    registry, origins = Registry(store), known or Origins(store)
    named = VersionName.read(what)
    if named and named.name in registry.names():
        version = named.version(registry.state(named.name))
        digest, title = version.registered.release, _title(registry, version)
    else:
        digest = _digest(store, registry, origins, what)
        (origin,) = origins.of([digest]).values()
        title = f"{origin.manifest.kind} {digest[:12]}"
    return Lineage(title, _node(digest, way_back(origins, [digest]), {}))


def way_back(origins: Origins, digests: Iterable[str]) -> dict[str, Manifest]:
    """Digest -> manifest of these artifacts and of all that they were made from, as far as it is known."""
    found = origins.closure(digests, lambda manifest: (digest for _, digest in inputs(manifest)))
    return {digest: manifest for digest, manifest in found.items() if manifest is not None}


def nodes_of(origins: Origins, digests: Iterable[str]) -> dict[str, Node]:
    """Digest -> the artifact with all that it was made from."""
    wanted = dict.fromkeys(digests)
    manifests, seen = way_back(origins, wanted), dict[str, Node]()
    return {one: _node(one, manifests, seen) for one in wanted}


def render(lineage: Lineage) -> str:
    """The tree as text, one artifact a line; a repeated one is not unfolded again."""
    return "\n".join([one_line(lineage.title), *_lines(lineage.root, "", "", set())])


def _title(registry: Registry, version: Version) -> str:
    name = version.registered.name
    aliases = [alias for alias, number in registry.state(name).aliases.items() if number == version.number]
    words = [f"{name} v{version.number}", ", ".join(aliases) or version.status]
    if version.decided:
        entry = version.decided
        words.append(f"{version.status} by {entry.who} on {entry.when[:10]}: {entry.why}")
    return " · ".join([*words, f"model sha256:{version.registered.model_digest[:12]}"])


def _digest(store: "Store", registry: Registry, origins: Origins, what: str) -> str:
    if not _DIGEST.fullmatch(what):
        named = VersionName.read(what)
        name = named.name if named else what
        raise BadRequest(
            f"no model is registered as '{name}' in {store.url}. {did_you_mean(name, registry.names())}"
        )
    found = list(origins.of(origins.starting_with(what)))
    if len(found) != 1:
        problem = (
            "is the start of several digests; give more of it" if found else "is no digest in this store"
        )
        raise BadRequest(f"'{what}' {problem}. `slmworks runs RUN` shows the digests of a run.")
    return found[0]


def _node(digest: str, manifests: Mapping[str, Manifest], seen: dict[str, Node]) -> Node:
    if digest not in seen:
        manifest = manifests.get(digest)
        if manifest is None:
            seen[digest] = Node(digest, "", "", "nothing says how it was made")
        else:
            seen[digest] = Node(digest, "…", "", "")  # a manifest that names itself must not hang us
            edges = tuple(Edge(how, _node(one, manifests, seen)) for how, one in inputs(manifest))
            made_by = f"{manifest.producer.get('stage', '')} {manifest.producer.get('plugin', '')}".strip()
            seen[digest] = Node(digest, manifest.kind, made_by, _detail(manifest), edges)
    return seen[digest]


def inputs(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """(relation, digest) of every input of an artifact; a release refers to its model itself."""
    if manifest.kind == "Release":
        yield "packaged-from", manifest.refs["model"]
        yield "admitted-by", manifest.refs["verdict"]
        return
    for port, digests in manifest.inputs.items():
        for digest in digests:
            yield relation(str(manifest.producer.get("stage", "")), port), digest


def _detail(manifest: Manifest) -> str:
    """What it is, and the ledgers of teachers that its task took from."""
    taken = [f"{name} of ledger {identity[:12]}" for name, identity in sorted(manifest.ledgers.items())]
    return " · ".join(filter(None, [_own(manifest), *taken]))


def _own(manifest: Manifest) -> str:
    about: dict[str, Any] = {**manifest.summary, **manifest.meta}
    match manifest.kind:
        case "Files":
            labels = dict.fromkeys(str(label) for label in about.get("sources", {}).values())
            found = ", ".join(labels)
        case "Dataset":
            rows = about.get("rows")
            found = f"{rows:,} rows" if isinstance(rows, int) else ""
        case "Model":
            count = about.get("parameters")
            parts = [manifest.format, f"{count:,} parameters" if count else "", figures.size(manifest.size)]
            found = " · ".join(filter(None, parts))
        case "Selection":
            on, stopped = len(about["goes_on"]), len(about["stopped"])
            found = f"{on} of {on + stopped} go on"
        case "Verdict":
            found = "passed" if manifest.passed else "refused"
        case "Release":
            found = f"{about['name']} v{about['version']}"
        case _:
            found = ""
    return found or figures.size(manifest.size)


def _lines(node: Node, indent: str, how: str, shown: set[str]) -> Iterator[str]:
    words = [how, node.kind or "?", node.digest[:12], node.made_by, node.detail]
    above = node.digest in shown and bool(node.edges)
    yield indent + "  ".join(filter(None, [*map(one_line, words), "(unfolded above)" if above else ""]))
    if above:
        return
    shown.add(node.digest)
    stem = indent.replace("├─ ", "│  ").replace("└─ ", "   ")
    for number, edge in enumerate(node.edges, start=1):
        branch = "└─ " if number == len(node.edges) else "├─ "
        yield from _lines(edge.node, stem + branch, edge.relation, shown)


def relation(stage: str, port: str) -> str:
    """Relation of a task's result to an input (`distilled-from`); the port's name for an unknown stage."""
    return traits(stage).relations.get(port, port)
