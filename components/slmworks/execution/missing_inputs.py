"""Inputs that do not exist: a champion before the first approval, a candidate that a selection stopped.

A task that cannot do without such an input makes an empty manifest that says why; a joining port does without
the branch. An optional port stays empty where something doesn't exist yet, but nothing is made from a
candidate that was stopped. It is decided from manifests alone, so every engine comes to the same end.
"""

from collections.abc import Iterable, Mapping, Sequence

from slmworks.contract.artifact import Selection
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import Manifest
from slmworks.contract.stage import WHEN, Port, Stage, output, ports
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
    """The inputs that exist, without `when`, which no plugin sees; a port without any is left out."""
    found = {port: [one for one in some if not one.absent] for port, some in given.items() if port != WHEN}
    return {port: some for port, some in found.items() if some}


def absence(plugin: Stage, given: Given, sources: Iterable[Source]) -> Manifest | None:
    """An empty manifest that says which input is missing, or who stopped it; None if the task can run."""
    kind = output(type(plugin)).kind
    if why := _not_chosen(given.get(WHEN, ())):
        return Manifest.nothing(kind, why, left_out=True)
    reasons = [source.absent for source in sources if source.absent]
    for port in ports(type(plugin)).values():
        some = given.get(port.name, ())
        if port.name in plugin.ignores or not some or not all(one.absent for one in some):
            continue
        if some[0].left_out and not (port.optional and port.many):
            return Manifest.nothing(kind, some[0].absent, left_out=True)
        if not port.optional or port.name in plugin.needs:
            reasons.append(some[0].absent)
    return Manifest.nothing(kind, reasons[0]) if reasons else None


def _not_chosen(given: Sequence[Manifest]) -> str:
    """Why a task's candidate does not go on, from its selection and the candidate; '' if it does."""
    absent = next((one.absent for one in given if one.absent), "")
    if absent or not given:
        return absent
    selections = [one for one in given if one.kind == Selection.kind]
    if len(selections) != 1 or len(given) != 2:
        raise BadRequest(f"`{WHEN}` takes two: a selection, and the candidate that must go on.")
    (selection,) = selections
    candidate = next(one for one in given if one is not selection)
    if candidate.digest in selection.meta["goes_on"]:
        return ""
    return str(selection.meta["stopped"].get(candidate.digest, "no report on it was given to the selection"))


def digests_of(given: Given) -> dict[str, tuple[str, ...]]:
    """Port -> digests of the inputs."""
    return {port: tuple(one.digest for one in some) for port, some in given.items()}
