"""Register a release: an MLflow model that stands alone, entered in the log as a candidate."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, cast

from pydantic import Field

from slmworks.contract.artifact import Artifact, Model, Release, Verdict
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.manifest import tree_digest
from slmworks.register import Register
from slmworks.registry.release import build, is_whole, wrapper_digest
from slmworks.registry.state import Entry
from slmworks.registry.task import ReleaseTask

__all__ = ["MlflowRelease"]


class MlflowRelease(Register):
    """Wrap the chosen model as an MLflow model and enter it in the registry as a candidate.

    The same bytes under the same name keep their version, and with it what was decided about them.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    """Name in the registry: letters, digits, '-', '_' and '.'."""

    light: ClassVar[bool] = True

    def run(self, *, verdict: Verdict, task: ReleaseTask) -> Release:
        """Build the release, then enter it; refuses a verdict that did not pass."""
        if not verdict.passed:
            raise BadRequest(f"the gate refused, so there is nothing to register as '{self.name}'.")
        known = self._known(verdict.refs["model"], task)
        if known is not None:
            return known
        model = task.fetch(verdict, "model", Model)
        made = build(task.output, model)

        def release(version: int, verdict_digest: str) -> Release:
            return self._release(task.output, version, verdict_digest, made.model, made.wrapper)

        entry = task.registry.register(
            self.name,
            model_digest=made.model,
            wrapper_digest=made.wrapper,
            verdict=verdict.digest,
            seal=lambda version: tree_digest(release(version, verdict.digest).seal()),
        )
        task.say(f"{self.name} v{entry.version}, model sha256:{entry.model_digest[:12]}")
        # An earlier entry names the verdict it came with; its release must come out the same again.
        return release(entry.version, entry.verdict)

    def _known(self, model_digest: str, task: ReleaseTask) -> Release | None:
        """The release of this model as it lies in the store, every file verified; None if it must be made."""
        for entry in task.registry.registered(self.name, model_digest):
            folder = _folder(entry, task)
            if folder is None or not is_whole(folder, entry) or not _is_current(folder, entry):
                continue
            task.say(f"{self.name} v{entry.version} as it was, model sha256:{entry.model_digest[:12]}")
            made = self._release(
                folder, entry.version, entry.verdict, entry.model_digest, entry.wrapper_digest
            )
            return replace(made, digest=entry.release)
        return None

    def _release(self, path: Path, version: int, verdict: str, model: str, wrapper: str) -> Release:
        meta = {"name": self.name, "version": version, "model_digest": model, "wrapper_digest": wrapper}
        return Release(
            path=path,
            meta=meta,
            refs={"model": model, "verdict": verdict},
            summary={"name": self.name, "version": version},
        )


def _folder(entry: Entry, task: ReleaseTask) -> Path | None:
    """Where a registered release lies; None before its first commit, or when it was lost."""
    try:
        return task.registry.store.folder(entry.release)
    except CorruptObject:
        return None


def _is_current(folder: Path, entry: Entry) -> bool:
    """A release of the same model that was made here and now would have the same wrapper."""
    model = cast("Model", Artifact.open(folder / "model", digest=entry.model_digest))
    return wrapper_digest(model) == entry.wrapper_digest
