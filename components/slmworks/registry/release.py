"""A Release: an MLflow model that stands alone, built so that the same model gives the same bytes.

    MLmodel                       what MLflow reads; no time, no random id
    runtime.py                    models-from-code: the runtime that measured the model, as a pyfunc
    requirements.txt …            public packages only, pinned to what is installed; never slmworks
    input_example.json …          the model task's harmless example, or the one that the recipe declares;
                                  nobody's data is shipped inside a release
    model/                        exactly the model that was judged
    README.md                     its card: what was measured, sources and licences, what is declared
    slmworks.json                 header, written on commit

Three digests: of `model/`, which was judged; of the wrapper, which is everything around it; of the whole.
Card and header are in the whole only: they tell of a verdict and a version, and the same model in the same
wrapper keeps its version under another verdict. What a recipe declares is in `MLmodel`, so in the wrapper.

Nothing here imports MLflow: the format is its own, and a test loads the result with it. Nothing here
decides: what may be served is asked of the registry's log.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slmworks.contract.artifact import HEADER, Model
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.manifest import File, plain_files, scan, tree_digest
from slmworks.machine.private import private_folder
from slmworks.registry.declared import Declared
from slmworks.registry.log import Entry, Registry
from slmworks.registry.mlflow_files import NOTHING, wrapper

if TYPE_CHECKING:
    from slmworks.registry.state import ModelState, Version

MODEL = "model/"
"""Where a release keeps the model that was judged."""
CARD = "README.md"
"""A release's model card."""
COMPILED = "__pycache__"
"""Where Python keeps, and looks for, what it compiled."""


@dataclass(frozen=True)
class Digests:
    """What identifies a release: its model, everything around it, and the whole folder."""

    model: str
    wrapper: str
    whole: str


@dataclass(frozen=True)
class Approved:
    """A release whose files were hashed and found to be those that were approved."""

    folder: Path
    entry: Entry
    """The registration: name, version and digests."""


def build(folder: Path, model: Model, declared: Declared = NOTHING) -> Digests:
    """Fill an empty folder with a release of `model`; `whole` is of what it holds so far.

    Its card and its header are written afterwards. BadRequest for a model whose runtimes don't stand alone.
    """
    texts = wrapper(model, declared)
    copied = folder / "model"
    shutil.copytree(model.path, copied, copy_function=shutil.copyfile)
    found = tree_digest(scan(copied))
    if found != model.digest:
        raise CorruptObject(
            f"objects/{model.digest[:12]}…: its files give {found[:12]}; run the recipe again."
        )
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return digests(folder)


def wrapper_digest(model: Model, declared: Declared = NOTHING) -> str:
    """The digest that `build` would give as `wrapper` here and now for a model; builds nothing."""
    return tree_digest(_file(name, text.encode()) for name, text in wrapper(model, declared).items())


def _file(path: str, data: bytes) -> File:
    return File(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def is_whole(folder: Path, entry: Entry) -> bool:
    """Whether a folder's files, all of them hashed, are the release that an entry of the log names."""
    try:
        return digests(folder) == registered_as(entry)
    except CorruptObject:
        return False


def registered_as(entry: Entry) -> Digests:
    """The digests that an entry of the log names."""
    return Digests(entry.model_digest, entry.wrapper_digest, entry.release)


def digests(folder: Path) -> Digests:
    """Hash every file of a release; CorruptObject names what is no plain file."""
    return digests_of(scan(folder))


def hashed(folder: Path, entry: Entry) -> Digests:
    """What identifies the files in a folder that should be a registered release.

    BadRequest names what no release holds: a link, or what Python compiled when the release was loaded from
    there. That isn't left out of the comparison, since Python would run it without a look at the source.
    """
    which = f"{entry.name} v{entry.version}"
    try:
        files = scan(folder)
    except CorruptObject as error:
        raise BadRequest(f"{which}: {error}") from None
    compiled = [f for f in files if COMPILED in Path(f.path).parts[:-1]]
    if compiled and digests_of([f for f in files if f not in compiled]) == registered_as(entry):
        where = folder / compiled[0].path
        raise BadRequest(
            f"{which}: {where} is what Python compiled when the release was loaded from there: nobody "
            f"approved it, and Python would run it. Delete {where.parent}, and set PYTHONDONTWRITEBYTECODE=1 "
            "(or load a copy)."
        )
    return digests_of(files)


def digests_of(files: Sequence[File]) -> Digests:
    """What identifies a release that consists of these files."""
    inside = [f for f in files if f.path.startswith(MODEL)]
    model = [f.model_copy(update={"path": f.path.removeprefix(MODEL)}) for f in inside]
    wrapper = [f for f in files if f not in inside and f.path not in (HEADER, CARD)]
    return Digests(tree_digest(model), tree_digest(wrapper), tree_digest(files))


def approved_release(registry: Registry, name: str, version: int | None = None) -> Approved:
    """The champion (or an approved version) of `name` in the registry's store, every file verified.

    BadRequest when it isn't approved, or when any file differs from what was approved.
    """
    entry = chosen(registry.state(name), version).registered
    registry.approved(name, entry.version, entry.model_digest, entry.wrapper_digest)
    folder = registry.store.folder(entry.release)
    require_approved(registry, name, entry.version, folder)
    return Approved(folder, entry)


def require_approved(registry: Registry, name: str, version: int, folder: Path) -> None:
    """Hash a release's files and ask the log whether exactly these were approved; BadRequest if not."""
    entry = registry.state(name).version(version).registered
    found = hashed(folder, entry)
    registry.approved(name, version, found.model, found.wrapper)
    if found.whole != entry.release:
        raise BadRequest(
            f"{name} v{version}: its {HEADER} or {CARD} was changed after the release was made. "
            "Run the recipe again to restore it."
        )


@contextlib.contextmanager
def private_copy(approved: Approved) -> Iterator[Path]:
    """A copy of a release, hashed where it lies and where no other user can change it; removed afterwards.

    BadRequest when it is not what was approved.
    """
    with private_folder("release") as folder:
        verified_copy(approved, folder)
        yield folder


def verified_copy(approved: Approved, target: Path) -> None:
    """Copy a release; BadRequest when the copy is not what was approved."""
    with _as_approved(approved):
        copy_files(approved.folder, target)
        if not is_whole(target, approved.entry):
            raise CorruptObject("other bytes than a moment ago")


def copy_files(source: Path, target: Path) -> None:
    """Copy every file of a release; CorruptObject names what is no plain file."""
    for path, _ in plain_files(source):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, target / path)


@contextlib.contextmanager
def _as_approved(approved: Approved) -> Iterator[None]:
    """BadRequest when a release that was verified turns out to be another one while it is read again."""
    try:
        yield
    except (CorruptObject, FileNotFoundError) as error:
        entry = approved.entry
        raise BadRequest(
            f"{entry.name} v{entry.version}: {approved.folder} was changed while it was read ({error}), so "
            "nothing of it is used. Restore it, and find out who writes there."
        ) from None


def chosen(state: "ModelState", version: int | None = None, model_digest: str = "") -> "Version":
    """The version that is meant: by number, by the digest of its model, or the champion.

    Of several with that digest the newest approved one. What it finds need not be approved.
    """
    if not model_digest:
        return _champion(state) if version is None else state.version(version)
    candidates = [state.version(version)] if version is not None else list(state.versions)
    same = [one for one in candidates if one.registered.model_digest == model_digest]
    if not same:
        which = f"{state.name} has no version" if version is None else f"{state.name} v{version} is not one"
        raise BadRequest(f"{which} with model sha256:{model_digest}. See `slmworks models {state.name}`.")
    return next((one for one in reversed(same) if one.status == "approved"), same[-1])


def _champion(state: "ModelState") -> "Version":
    if state.champion is not None:
        return state.champion
    waiting = state.candidate
    way_out = (
        f"Approve v{waiting.number}: slmworks approve {state.name} {waiting.number} --because '…'"
        if waiting
        else "Train another candidate."
    )
    raise BadRequest(f"{state.name} has no approved version to serve. {way_out}")
