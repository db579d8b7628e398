"""The card of a data set for `slmworks data`: found by digest or folder, written as files, compared."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.cli.console import say
from slmworks.contract import catalog
from slmworks.contract.artifact import Artifact, Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import scan
from slmworks.execution.origins import Origins
from slmworks_text.drift.compared import compared
from slmworks_text.drift.sketch import sketches

if TYPE_CHECKING:
    from slmworks.cli.places import Places
    from slmworks.store import Store

DIGEST = re.compile(r"[0-9a-f]{6,64}")
OBJECTS = "objects/"


def is_data_set(what: Path) -> bool:
    """True for a folder, and for what can only be a digest."""
    return what.is_dir() or (not what.exists() and DIGEST.fullmatch(str(what)) is not None)


def data_set(what: Path, places: "Places") -> Dataset:
    """The data set of a folder or a digest (or the beginning of one); BadRequest for none."""
    folder, digest = what, ""
    if not what.is_dir():
        digest = _whole(str(what), places.store)
        folder = places.store.folder(digest)
    found = Artifact.open(folder, digest=digest)
    if not isinstance(found, Dataset):
        raise BadRequest(f"{what}: is a {found.kind}, not a Dataset.")
    known = Origins(places.store).of([digest]) if digest else {}
    return replace(found, summary=known[digest].manifest.summary) if digest in known else found


def write(folder: Path, data: Dataset, card: Mapping[str, Any], name: str, **known: Any) -> None:
    """Write card.html, card.md and croissant.json into a folder; `known`: further fields of `Described`."""
    from slmworks.packet import data_card

    if folder.exists() and not folder.is_dir():
        raise BadRequest(f"--card {folder}: is a file; name a folder.")
    if folder.resolve() == data.path.resolve():
        raise BadRequest(
            f"--card {folder}: is the data set itself, which may not change; name another folder."
        )
    purpose = data.model_task and catalog.canonical(data.model_task)
    found = data_card.Described(card, name=name, digest=data.digest, model_task=purpose, **known)
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in (
        ("card.html", data_card.page(found)),
        ("card.md", data_card.markdown(found)),
        ("croissant.json", data_card.croissant(found, scan(data.path))),
    ):
        (folder / file).write_text(text, encoding="utf-8")
    say(f"wrote  {folder / 'card.html'}, card.md, croissant.json")


def address_of(data: Dataset, places: "Places") -> str:
    """Where a data set lies: in the store, or in a folder of somebody's."""
    return f"{places.store.url}/{OBJECTS}{data.digest}" if data.digest else data.path.resolve().as_uri()


def drifted(data: Dataset, against: Path, places: "Places") -> dict[str, Any]:
    """`drift` of a card, against another data set."""
    if against.is_file():
        raise BadRequest(
            f"--against {against}: is a file; name the earlier data set by its digest or its folder."
        )
    other = data_set(against, places)
    earlier, later = (other.path, f"--against {against}"), (data.path, data.digest[:12] or str(data.path))
    return {"drift": {"against": str(against), **compared(*sketches(earlier, later, data.model_task))}}


def show_drift(found: Mapping[str, Any]) -> None:
    """Print the comparison."""
    from slmworks.cli.console import Columns
    from slmworks.packet.drift import lines_of, sentence

    say(sentence(found))
    table = Columns(("", "distance", "p", ""), wrap=("",))
    for one in lines_of(found):
        table.add(one.what, one.value, "" if one.p is None else f"{one.p:.3g}", one.meaning)
    table.show()


def _whole(beginning: str, store: "Store") -> str:
    found = [name.strip("/") for name in store.children(OBJECTS) if name.startswith(beginning)]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadRequest(f"{beginning}: {len(found)} digests in {store.url} begin so; give more of it.")
    raise BadRequest(f"{beginning}: no file, and no digest in {store.url} begins so.")
