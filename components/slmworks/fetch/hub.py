"""Files from a Hugging Face hub: `hf://owner/name@revision[/path]`, `hf://datasets/owner/name@revision`.

The endpoint is `HF_ENDPOINT`'s, the token the hub client's own. Nothing of it is executed, and pickles
are not downloaded when there are safetensors.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import PICKLES
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.fetch.archive import select
from slmworks.fetch.local import refuse_pickles
from slmworks.fetch.source import Source


def download(source: Source, folder: Path, scratch: Path, progress: Any) -> None:
    """Write the wanted files of a repository's revision below `folder`.

    `progress` is a tqdm-like class. BadRequest for an unknown repository, revision or path, and for
    pickled weights; TaskFailed when the hub does not answer.
    """
    with _online():
        from huggingface_hub import HfApi, snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        kind, repository = _kind(source)
        place = {"repo_id": repository, "repo_type": kind, "endpoint": os.environ.get("HF_ENDPOINT") or None}
        api = HfApi(endpoint=place["endpoint"])
        try:
            info = api.repo_info(repository, repo_type=kind, revision=source.version)
            wanted = _wanted(source, [entry.rfilename for entry in info.siblings or []])
            # The commit that the names came from, so that a branch that moves meanwhile changes nothing.
            tree = snapshot_download(
                **place,
                revision=info.sha,
                local_dir=scratch,
                allow_patterns=[_literal(name) for name in wanted],
                tqdm_class=progress,
                max_workers=4,
            )
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
        except (HfHubHTTPError, OSError) as error:
            raise TaskFailed(
                f"{source.label}: the hub did not answer ({type(error).__name__}); run again."
            ) from None
    for name, path in wanted.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (Path(tree) / name).replace(target)


def _kind(source: Source) -> tuple[str, str]:
    if source.location.startswith("datasets/"):
        return "dataset", source.location.removeprefix("datasets/")
    return "model", source.location


def _wanted(source: Source, names: list[str]) -> dict[str, str]:
    """Repository path -> path to write: what is asked for, less hidden files and needless pickles."""
    chosen = select(names, source.inside)
    if not chosen:
        raise BadRequest(f"{source.label}: no file '{source.inside}' in the repository.")
    refuse_pickles(dict.fromkeys(chosen, Path()))
    if any(name.endswith(".safetensors") for name in chosen):
        return {name: path for name, path in chosen.items() if not name.endswith(PICKLES)}
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
