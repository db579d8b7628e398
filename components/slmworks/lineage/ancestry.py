"""The way back: from a registered version, or any digest, to the files it was made from.

Pure reading of manifests and the approval log in the store; MLflow is not asked and need not be there.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.manifest import Manifest
from slmworks.execution.records import run_ids, task_records
from slmworks.registry.log import Registry
from slmworks.registry.state import Version

if TYPE_CHECKING:
    from slmworks.store import Store

_DIGEST = re.compile(r"[0-9a-f]{6,64}")
_VERSION = re.compile(r"(?P<name>[^@/]+)(?:[@/](?P<which>[^@/]+))?")


RELATIONS = {
    ("curate", "data"): "curated-from",
    ("finetune", "model"): "tuned-from",
    ("align", "model"): "aligned-from",
    ("distill", "teacher"): "distilled-from",
    ("distill", "student"): "initialised-from",
    ("prune", "model"): "pruned-from",
    ("factorize", "model"): "factorized-from",
    ("quantize", "model"): "quantized-from",
    ("export", "model"): "exported-from",
    ("evaluate", "model"): "measured",
    ("evaluate", "data"): "measured-on",
    ("evaluate", "baseline"): "compared-with",
    ("gate", "reports"): "decided-on",
    ("gate", "champion"): "compared-with",
    ("register", "verdict"): "admitted-by",
    ("approve", "release"): "approved-from",
    ("deploy", "release"): "deployed-from",
}
"""(stage, port) -> what the result is to that input. Ports with one meaning everywhere are below."""

_PORTS = {"data": "trained-on", "calibration": "calibrated-on", "model": "made-from"}


@dataclass(frozen=True)
class Node:
    """One artifact and what it was made from."""

    digest: str
    kind: str
    """`Files`, `Dataset`, `Model`, …; empty when no record says how it was made."""
    made_by: str
    """Stage and plugin."""
    detail: str
    """A few words: sources, rows, parameters, what was decided."""
    edges: tuple["Edge", ...] = ()


@dataclass(frozen=True)
class Edge:
    """What an artifact is to one of its inputs."""

    relation: str
    node: Node


@dataclass(frozen=True)
class Lineage:
    """The whole way back from one thing."""

    title: str
    root: Node


def lineage_of(store: "Store", what: str, known: Mapping[str, Manifest] | None = None) -> Lineage:
    """Walk back from `name@champion`, `name@candidate`, `name@2`, `name` or the start of a digest.

    `known` is what `manifests_of` gave, for who walks more than one way.
    """
    registry = Registry(store)
    manifests = manifests_of(store) if known is None else known
    match = _VERSION.fullmatch(what)
    if match and match["name"] in registry.names():
        version = _version(registry, match["name"], match["which"])
        digest, title = version.registered.release, _title(registry, version)
    else:
        digest = _digest(store, registry, manifests, what)
        title = f"{manifests[digest].kind} {digest[:12]}"
    return Lineage(title, _node(digest, manifests, {}))


def render(lineage: Lineage) -> str:
    """The tree as text, one artifact a line; one that was shown above is not unfolded again."""
    return "\n".join([lineage.title, *_lines(lineage.root, "", "", set())])


def _version(registry: Registry, name: str, which: str | None) -> Version:
    state = registry.state(name)
    if which is None:
        return state.champion or state.versions[-1]
    if which.isdigit():
        return state.version(int(which))
    if which not in state.aliases:
        raise BadRequest(
            f"{name} has no '{which}'. {did_you_mean(which, state.aliases)} Or a number: {name}@1."
        )
    return state.version(state.aliases[which])


def _title(registry: Registry, version: Version) -> str:
    name = version.registered.name
    aliases = [alias for alias, number in registry.state(name).aliases.items() if number == version.number]
    words = [f"{name} v{version.number}", ", ".join(aliases) or version.status]
    if version.decided:
        entry = version.decided
        words.append(f"{version.status} by {entry.who} on {entry.when[:10]}: {entry.why}")
    return " · ".join([*words, f"model sha256:{version.registered.model_digest[:12]}"])


def manifests_of(store: "Store") -> dict[str, Manifest]:
    """Digest -> the oldest manifest that made those bytes."""
    found: dict[str, Manifest] = {}
    for manifest in sorted(_every_manifest(store), key=lambda m: m.created):
        found.setdefault(manifest.digest, manifest)
    return found


def _every_manifest(store: "Store") -> Iterator[Manifest]:
    for key in store.list("tasks/"):
        with contextlib.suppress(BadRequest):  # a damaged one, or of another version: it is made anew
            yield Manifest.read(store.read(key) or b"", where=key)
    for run in run_ids(store):  # what is never cached (a release) is only there
        yield from (record.manifest for record in task_records(store, run) if record.manifest)


def _digest(store: "Store", registry: Registry, manifests: Mapping[str, Manifest], what: str) -> str:
    if not _DIGEST.fullmatch(what):
        name = what.split("@", maxsplit=1)[0]
        raise BadRequest(
            f"no model is registered as '{name}' in {store.url}. {did_you_mean(name, registry.names())}"
        )
    found = [digest for digest in manifests if digest.startswith(what)]
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
            edges = tuple(Edge(how, _node(one, manifests, seen)) for how, one in _inputs(manifest))
            made_by = f"{manifest.producer.get('stage', '')} {manifest.producer.get('plugin', '')}".strip()
            seen[digest] = Node(digest, manifest.kind, made_by, _detail(manifest), edges)
    return seen[digest]


def _inputs(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """(relation, digest) of everything an artifact came from; a release speaks of its model itself."""
    if manifest.kind == "Release":
        yield "packaged-from", manifest.refs["model"]
        yield "admitted-by", manifest.refs["verdict"]
        return
    for port, digests in manifest.inputs.items():
        for digest in [digests] if isinstance(digests, str) else digests:
            yield relation(str(manifest.producer.get("stage", "")), port), digest


def _detail(manifest: Manifest) -> str:
    about: dict[str, Any] = {**manifest.summary, **manifest.meta}
    match manifest.kind:
        case "Files":
            labels = dict.fromkeys(str(label) for label in about.get("sources", {}).values())
            return ", ".join(labels) or _size(manifest)
        case "Dataset":
            rows = about.get("rows")
            return f"{rows:,} rows" if isinstance(rows, int) else _size(manifest)
        case "Model":
            count = about.get("parameters")
            return " · ".join(
                filter(None, [manifest.format, f"{count:,} parameters" if count else "", _size(manifest)])
            )
        case "Verdict":
            return "passed" if manifest.passed else "refused"
        case "Release":
            return f"{about['name']} v{about['version']}"
    return _size(manifest)


def _size(manifest: Manifest) -> str:
    size = float(manifest.size)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _lines(node: Node, indent: str, how: str, shown: set[str]) -> Iterator[str]:
    words = [how, node.kind or "?", node.digest[:12], node.made_by, node.detail]
    above = node.digest in shown and bool(node.edges)
    yield indent + "  ".join(filter(None, [*words, "(unfolded above)" if above else ""]))
    if above:
        return
    shown.add(node.digest)
    stem = indent.replace("├─ ", "│  ").replace("└─ ", "   ")
    for number, edge in enumerate(node.edges, start=1):
        branch = "└─ " if number == len(node.edges) else "├─ "
        yield from _lines(edge.node, stem + branch, edge.relation, shown)


def relation(stage: str, port: str) -> str:
    """What a task's result is to what came in through `port`: `distilled-from`, `trained-on`."""
    return RELATIONS.get((stage, port)) or _PORTS.get(port, port)
