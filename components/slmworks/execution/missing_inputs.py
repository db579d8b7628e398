"""Inputs that do not exist yet, such as a champion before the first approval.

A task that cannot do without such an input makes an empty manifest that says why; an optional port stays
empty, and a joining port does without the branch. It is decided from manifests alone, so every engine comes
to the same end.
"""

from collections.abc import Iterable, Mapping, Sequence

from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import Manifest
from slmworks.contract.stage import Port, Stage, output, ports
from slmworks.fetch import Source

Given = Mapping[str, Sequence[Manifest]]
"""Port -> manifests: one, or several for a joining port."""


def join(known: Mapping[str, Port], pairs: Iterable[tuple[str, Manifest]]) -> dict[str, list[Manifest]]:
    """The inputs of a task from (port, manifest) pairs; BadRequest if a port that takes one gets two."""
    found: dict[str, list[Manifest]] = {}
    for port, manifest in pairs:
        if port in found and not known[port].many:
            raise BadRequest(f"`{port}` was given already, and takes one.")
        found.setdefault(port, []).append(manifest)
    return found


def present(given: Given) -> dict[str, list[Manifest]]:
    """The inputs that exist; a port without any is left out."""
    found = {port: [one for one in some if not one.absent] for port, some in given.items()}
    return {port: some for port, some in found.items() if some}


def absence(plugin: Stage, given: Given, sources: Iterable[Source]) -> Manifest | None:
    """An empty manifest that says which input is missing; None if the task can run."""
    reasons = [source.absent for source in sources if source.absent]
    for port in ports(type(plugin)).values():
        if port.name not in given or port.name in plugin.ignores:
            continue
        if port.optional and port.name not in plugin.needs:
            continue
        some = given[port.name]
        if all(one.absent for one in some):
            reasons += [one.absent for one in some[:1]]
    return Manifest.nothing(output(type(plugin)).kind, reasons[0]) if reasons else None


def digests_of(given: Given) -> dict[str, tuple[str, ...]]:
    """Port -> digests of the inputs."""
    return {port: tuple(one.digest for one in some) for port, some in given.items()}
