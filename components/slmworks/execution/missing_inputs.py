"""What happens where something isn't there yet, such as a champion before the first approval.

A task that cannot do without it makes nothing either and says why; an optional port stays empty, and a
joining port does without the branch. It is decided from manifests alone, so every engine comes to the
same end.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import Manifest
from slmworks.contract.stage import Port, Stage, output, ports
from slmworks.fetch import Source

Given = Mapping[str, Manifest | Sequence[Manifest]]
"""Port -> manifest, or several for a joining port."""


def join(
    known: Mapping[str, Port], pairs: Iterable[tuple[str, Manifest]]
) -> dict[str, Manifest | list[Manifest]]:
    """What a task is given, from (port, manifest) pairs; BadRequest where a port that takes one gets two."""
    found: dict[str, Manifest | list[Manifest]] = {}
    for port, manifest in pairs:
        if known[port].many:
            joined = found.setdefault(port, [])
            assert isinstance(joined, list)
            joined.append(manifest)
        elif port in found:
            raise BadRequest(f"`{port}` was given already, and takes one.")
        else:
            found[port] = manifest
    return found


def present(given: Given) -> dict[str, Manifest | list[Manifest]]:
    """What is really there of what a task is given."""
    found: dict[str, Manifest | list[Manifest]] = {}
    for port, one in given.items():
        if not isinstance(one, Manifest):
            found[port] = [each for each in one if not each.absent]
        elif not one.absent:
            found[port] = one
    return found


def absence(plugin: Stage, given: Given, sources: Iterable[Source]) -> Manifest | None:
    """What stands for the result of a task that has nothing to work on; None where it has."""
    reasons = [source.absent for source in sources if source.absent]
    for port in ports(type(plugin)).values():
        if port.name not in given or (port.optional and port.name not in plugin.needs):
            continue
        one = given[port.name]
        if isinstance(one, Manifest):
            reasons += [one.absent] if one.absent else []
        elif all(each.absent for each in one):
            reasons += [each.absent for each in one[:1]]
    return Manifest.nothing(output(type(plugin)).kind, reasons[0]) if reasons else None


def digests_of(given: Given) -> dict[str, Any]:
    """Port -> digest, or list of digests, of what a task is given."""
    return {
        port: one.digest if isinstance(one, Manifest) else [manifest.digest for manifest in one]
        for port, one in given.items()
    }
