"""Files from a Hugging Face hub: `hf://owner/name@revision[/path]`, `hf://datasets/owner/name@revision`.

The endpoint is `HF_ENDPOINT`'s, the token and the cache the hub client's own; with `HF_HUB_OFFLINE=1` only
the cache is read. Nothing of it is executed, and pickles are not downloaded when there are safetensors.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import PICKLES
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.fetch.archive import select
from slmworks.fetch.limits import Limits, check_names
from slmworks.fetch.local import refuse_pickles
from slmworks.fetch.source import Source
from slmworks.fetch.url import redacted
from slmworks.machine.process import hub_offline


def download(source: Source, folder: Path, scratch: Path, progress: Any, limits: Limits) -> None:
    """Write the wanted files of a repository's revision below `folder`.

    `progress` is a tqdm-like class. BadRequest for an unknown repository, revision or path, for pickled
    weights, more than the limits, a refused token, and for what the cache doesn't hold when offline;
    TaskFailed when the hub does not answer.
    """
    if hub_offline():
        tree = _cached(source)
        files = (path for path in tree.rglob("*") if path.is_file())
        sizes = {path.relative_to(tree).as_posix(): path.stat().st_size for path in files}
        wanted = _wanted(source, dict(sorted(sizes.items())), limits)
    else:
        with _online(), _readable(source):
            wanted, tree = _downloaded(source, scratch, progress, limits)
    for name, path in wanted.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if tree == scratch:
            (tree / name).replace(target)
        else:
            shutil.copyfile(tree / name, target)


def _downloaded(source: Source, scratch: Path, progress: Any, limits: Limits) -> tuple[dict[str, str], Path]:
    """Repository path -> path to write, and the folder that they were downloaded into."""
    from huggingface_hub import HfApi, snapshot_download

    kind, repository = _kind(source)
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    api = HfApi(endpoint=endpoint)
    info = api.repo_info(repository, repo_type=kind, revision=source.version, files_metadata=True)
    wanted = _wanted(source, {one.rfilename: one.size or 0 for one in info.siblings or []}, limits)
    # The commit that the names came from, so that a branch that moves meanwhile changes nothing.
    snapshot_download(
        repository,
        repo_type=kind,
        endpoint=endpoint,
        revision=info.sha,
        local_dir=scratch,
        allow_patterns=[_literal(name) for name in wanted],
        tqdm_class=progress,
        max_workers=4,
    )
    return wanted, scratch


def _cached(source: Source) -> Path:
    """The folder of the revision in the hub client's cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import IncompleteSnapshotError, LocalEntryNotFoundError

    kind, repository = _kind(source)
    place: dict[str, Any] = {"repo_id": repository, "repo_type": kind, "revision": source.version}
    try:
        try:
            return Path(snapshot_download(**place, local_files_only=True))
        except IncompleteSnapshotError:  # whoever filled the cache may have left the pickles out
            pickles = [f"*{ending}" for ending in PICKLES]
            return Path(snapshot_download(**place, local_files_only=True, ignore_patterns=pickles))
    except IncompleteSnapshotError:
        problem = "holds only a part of it"
    except LocalEntryNotFoundError:
        problem = "does not hold it"
    raise BadRequest(
        f"{source.label}: HF_HUB_OFFLINE is set and the hub's cache (HF_HOME) {problem}; fill the cache with "
        "`hf download` where there is a network, or unset HF_HUB_OFFLINE."
    )


@contextmanager
def _readable(source: Source) -> Iterator[None]:
    """Errors of the hub's client in a line each."""
    import httpx
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        yield
    except GatedRepoError:
        raise BadRequest(
            f"{source.label}: the repository is gated; accept its terms and set HF_TOKEN."
        ) from None
    except RevisionNotFoundError:
        raise BadRequest(f"{source.label}: the repository has no such revision.") from None
    except RepositoryNotFoundError:
        raise BadRequest(
            f"{source.label}: the hub has no such repository (or HF_TOKEN may not see it)."
        ) from None
    except (httpx.HTTPError, OSError) as error:
        raise _unanswered(source, error) from None
    except (httpx.InvalidURL, ValueError) as error:  # their texts can hold a proxy's password
        raise BadRequest(
            f"{source.label}: the hub cannot be asked ({type(error).__name__}); check HF_ENDPOINT "
            f"({_endpoint()}) and the proxy in the environment."
        ) from None


def _unanswered(source: Source, error: Exception) -> BadRequest | TaskFailed:
    """A refused token and an address that is none are the user's to mend; anything else may pass."""
    import httpx

    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return BadRequest(
            f"{source.label}: the hub at {_endpoint()} says {status}: HF_TOKEN is missing, expired "
            "or may not read the repository; set a valid one, or `hf auth login`."
        )
    if isinstance(error, httpx.UnsupportedProtocol):
        return BadRequest(f"{source.label}: HF_ENDPOINT ({_endpoint()}) is no address; write https://host.")
    problem = f"{type(error).__name__} {status}" if status else type(error).__name__
    return TaskFailed(
        f"{source.label}: the hub at {_endpoint()} did not answer ({problem}); check HF_ENDPOINT and the "
        "network, and run again. With HF_HUB_OFFLINE=1 the hub's cache is read instead."
    )


def _endpoint() -> str:
    from huggingface_hub import constants

    address = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    return redacted(address) if "://" in address else address.rpartition("@")[2]


def _kind(source: Source) -> tuple[str, str]:
    if source.location.startswith("datasets/"):
        return "dataset", source.location.removeprefix("datasets/")
    return "model", source.location


def _wanted(source: Source, sizes: dict[str, int], limits: Limits) -> dict[str, str]:
    """Repository path -> path to write: what is asked for, less hidden files and needless pickles."""
    chosen = select(list(sizes), source.inside)
    if not chosen:
        raise BadRequest(f"{source.label}: no file '{source.inside}' in the repository.")
    refuse_pickles(dict.fromkeys(chosen, Path()))
    if any(name.endswith(".safetensors") for name in chosen):
        chosen = {name: path for name, path in chosen.items() if not name.endswith(PICKLES)}
    limits.check_count(source.label, len(chosen))
    limits.check_size(source.label, sum(sizes[name] for name in chosen))
    check_names(source.label, chosen.values())
    return chosen


def _literal(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


@contextmanager
def _online() -> Iterator[None]:
    """Steps run with HF_HUB_OFFLINE=1, which the client reads once; fetch is the step that may connect."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = False
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
