"""Register a release: an MLflow model that stands alone, entered in the log as a candidate."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field

from slmworks.contract.artifact import Artifact, Model, Release, Verdict
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.manifest import tree_digest
from slmworks.contract.model_card import ModelCard
from slmworks.lineage.licences import sources_of
from slmworks.register import Register, example
from slmworks.register.model_card import model_card
from slmworks.registry.declared import Declared
from slmworks.registry.judged_on import data_of
from slmworks.registry.mlflow_files import standalone_runtime
from slmworks.registry.release import CARD, build, is_whole, wrapper_digest
from slmworks.registry.state import Entry
from slmworks.registry.task import ReleaseTask
from slmworks.store.contract import folder_or_none

__all__ = ["MlflowRelease"]


class MlflowRelease(Register):
    """Wrap the chosen model as an MLflow model and enter it in the registry as a candidate.

    The same bytes under the same name keep their version, and with it what was decided about them.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    """Name in the registry: letters, digits, '-', '_' and '.'."""
    card: ModelCard | None = None
    """Words of the model card that only you know: licence, intended_use, out_of_scope, limits, contact,
    language. They are approved with the release: other words are another version."""
    example: dict[str, Any] | None = None
    """A row of inputs that everybody may see ({text: "…"}), in place of the model task's harmless one:
    MLflow, the server's page and the edge bundle show it."""
    example_row: Annotated[str, Field(min_length=1)] | None = None
    """The same by the id of a curated row of the split `validation`. It is shipped as it is there: look at it
    first."""

    light: ClassVar[bool] = True

    def run(self, *, verdict: Verdict, task: ReleaseTask) -> Release:
        """Build the release, then enter it; refuses a verdict that did not pass."""
        if not verdict.passed:
            raise BadRequest(f"the gate refused, so there is nothing to register as '{self.name}'.")
        if self.example is not None and self.example_row is not None:
            raise BadRequest("register takes `example` or `example_row`, not both; leave one out.")
        known = self._known(verdict, task)
        if known is not None:
            return known
        model = task.fetch(verdict, "model", Model)
        declared = self._declared(model, verdict, task)
        made = build(task.output, model, declared)

        def release(version: int, verdict_digest: str) -> Release:
            self._write_card(model, declared, verdict, verdict_digest, task)
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

    def _declared(self, model: Model, verdict: Verdict, task: ReleaseTask) -> Declared:
        purpose, row = standalone_runtime(model)[0], None
        if self.example is not None:
            row = example.written(purpose, self.example)
        elif self.example_row is not None:
            row = example.named(purpose, data_of(verdict, model.digest, task), self.example_row)
        return Declared(self.card.said() if self.card else {}, row)

    def _write_card(
        self, model: Model, declared: Declared, verdict: Verdict, digest: str, task: ReleaseTask
    ) -> None:
        """`README.md` beside `model/`; of the verdict that the entry names, which may be an earlier one."""
        judged = verdict if digest == verdict.digest else _earlier(digest, task)
        purpose = standalone_runtime(model)[0]
        text = model_card(
            self.name,
            model,
            purpose,
            judged.read() if judged else {},
            card=self.card or ModelCard(),
            sources=sources_of(task.registry.store, model.digest),
            example=purpose.input_sample() if declared.example is None else declared.example,
        )
        (task.output / CARD).write_text(text, encoding="utf-8")

    def _known(self, verdict: Verdict, task: ReleaseTask) -> Release | None:
        """The release of this model as it lies in the store, every file verified; None if it must be made."""
        for entry in task.registry.registered(self.name, verdict.refs["model"]):
            folder = _folder(entry, task)
            if folder is None or not is_whole(folder, entry):
                continue
            # one of the same model that was made here and now would have the same wrapper
            model = cast("Model", Artifact.open(folder / "model", digest=entry.model_digest))
            if wrapper_digest(model, self._declared(model, verdict, task)) != entry.wrapper_digest:
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


def _earlier(digest: str, task: ReleaseTask) -> Verdict | None:
    """A verdict of an earlier run, by its digest; None where it is gone."""
    folder = folder_or_none(task.registry.store, digest)
    found = Artifact.open(folder, digest=digest) if folder else None
    return found if isinstance(found, Verdict) else None
