"""Register a release: an MLflow model that stands alone, entered in the log as a candidate."""

from typing import Annotated, ClassVar

from pydantic import Field

from slmworks.artifact import Model, Release, Verdict, tree_digest
from slmworks.errors import BadRequest
from slmworks.register import Register
from slmworks.release import build
from slmworks.stage import Task

__all__ = ["MlflowRelease"]


class MlflowRelease(Register):
    """Wrap the chosen model as an MLflow model and enter it in the registry as a candidate.

    The same bytes under the same name keep their version, and with it what was decided about them.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    """Name in the registry: letters, digits, '-', '_' and '.'."""

    light: ClassVar[bool] = True

    def run(self, *, verdict: Verdict, task: Task) -> Release:
        """Build the release, then enter it; refuses a verdict that did not pass."""
        if not verdict.passed:
            raise BadRequest(f"the gate refused, so there is nothing to register as '{self.name}'.")
        model = task.fetch(verdict, "model", Model)
        made = build(task.output, model)

        def release(version: int, verdict_digest: str) -> Release:
            return Release(
                path=task.output,
                meta={
                    "name": self.name,
                    "version": version,
                    "model_digest": made.model,
                    "wrapper_digest": made.wrapper,
                },
                refs={"model": model.digest, "verdict": verdict_digest},
                summary={"name": self.name, "version": version},
            )

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
