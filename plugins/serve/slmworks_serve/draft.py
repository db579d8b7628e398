"""A draft beside a release: found where a command names it, proved where a recipe deploys it.

What was approved is the release; the draft makes its answers faster, and not other ones, so the log knows
none.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from slmworks.contract.artifact import Artifact, Dataset, Files, Model, Release, Verdict
from slmworks.contract.drafts import Drafting, DraftProof, drafting
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.manifest import is_tree
from slmworks.contract.model_task import ModelTask, Row
from slmworks.contract.runtime import inputs_of, model_task_of, offered_runtime
from slmworks.registry.judged_on import data_of
from slmworks.registry.release import MODEL
from slmworks.registry.task import ReleaseTask
from slmworks.store.contract import folder_or_none

if TYPE_CHECKING:
    from slmworks.store import Store

__all__ = ["Drafted", "given", "proved", "require_draft"]

FORMATS = ("gguf",)
"""Formats of drafts: of the models that a server has guessed for."""
ROWS = 12
"""Rows that are answered with a draft and without."""
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


@dataclass(frozen=True)
class Drafted:
    """What a deployment says of its draft: nothing, where it has none."""

    model: Model | None = None
    proof: DraftProof | None = None

    @property
    def refs(self) -> dict[str, str]:
        """The draft by its digest."""
        return {"draft": self.model.digest} if self.model else {}

    @property
    def words(self) -> list[str]:
        """What serves it, on the command line of `slmworks serve`."""
        return ["--draft", self.model.digest] if self.model else []

    @property
    def record(self) -> dict[str, Any]:
        """The same with all numbers of the proof."""
        return {**self.refs, **({"draft_proof": asdict(self.proof)} if self.proof else {})}

    @property
    def summary(self) -> dict[str, Any]:
        """The numbers for people."""
        if self.proof is None:
            return {}
        return {
            "draft_speedup": round(self.proof.speedup, 2),
            "draft_acceptance": round(self.proof.acceptance, 3),
            "draft_texts_equal": f"{self.proof.equal} of {self.proof.rows}",
            "tokens_per_second": round(self.proof.tokens_per_second, 1),
        }


def proved(release: Release, draft: Model | None, task: ReleaseTask) -> Drafted:
    """Prove a draft on rows that the release was judged on, and say what it is worth.

    BadRequest for one that can't guess for the release's model; TaskFailed where a text becomes another.
    """
    if draft is None:
        return Drafted()
    digest = str(release.meta["model_digest"])
    model = cast("Model", Artifact.open(release.path / MODEL, digest=digest))
    rows = _rows(release, model_task_of(model), task)
    proof = require_draft(model, draft).prove_draft(model, draft, rows, threads=task.threads)
    for line in _lines(proof):
        task.say(line)
    return Drafted(draft, proof)


def require_draft(model: Model, draft: Model) -> type[Drafting]:
    """The runtime that answers with both; BadRequest where the one can't guess for the other."""
    runtime = drafting(offered_runtime(model, model_task_of(model)).load(), model)
    runtime.require_draft(model, draft)
    return runtime


def _lines(proof: DraftProof) -> Sequence[str]:
    """The proof in words; a second line where the draft is not worth having."""
    same = f"{proof.equal} of {proof.rows} answers are the same text"
    if proof.equal < proof.rows:
        same += f", the others part at near ties ({proof.widest_tie:.2g} nats at most)"
    rates = f"{proof.tokens_per_second:.1f} tokens/s, {proof.plain_tokens_per_second:.1f} without"
    line = f"draft: {same}; {proof.accepted} of {proof.guessed} guesses hold; {rates} ({proof.speedup:.2f}x)"
    if proof.speedup > 1:
        return [line]
    return [line, "draft: it doesn't pay on this machine: without it answers are as fast, or faster."]


def _rows(release: Release, purpose: ModelTask, task: ReleaseTask) -> list[Row]:
    """The first rows of `test` that the release's model was judged on; the example, where none are there."""
    data = _data(release, task)
    if data is None:
        return [purpose.input_sample()]
    further = [name for name in purpose.asked_with if data.has("test", name)]
    rows = inputs_of(purpose, data.rows("test", *purpose.inputs, *further))
    step = max(1, len(rows) // ROWS)  # all over the split: what is alike stands together
    return rows[::step][:ROWS] or [purpose.input_sample()]


def _data(release: Release, task: ReleaseTask) -> Dataset | None:
    """The data that the release's model was judged on; None where they are gone."""
    try:
        return data_of(task.fetch(release, "verdict", Verdict), release.refs["model"], task)
    except (LookupError, CorruptObject):
        return None


def given(said: str, store: "Store | None") -> Model:
    """The draft that a command names: the digest of a model in the store, or a folder or file.

    BadRequest for one that isn't there, or was edited.
    """
    if found := _DIGEST.fullmatch(said):
        return _stored(found[1], store)
    path = Path(said)
    if not path.exists():
        raise BadRequest(
            f"--draft {said}: there is no such folder or file, and it is no digest (64 hexadecimal digits, "
            "as the deployment names it)."
        )
    return Model.from_files(Files(path=path if path.is_dir() else path.parent))


def _stored(digest: str, store: "Store | None") -> Model:
    if store is None:
        raise BadRequest("--draft: no store is asked beside --from; give the folder of the draft.")
    folder = folder_or_none(store, digest)
    if folder is None or not is_tree(folder, digest):
        raise BadRequest(
            f"--draft: {digest[:12]}… is not in the store as it was committed; run the recipe that made it "
            "again."
        )
    made = Artifact.open(folder, digest=digest)
    if not isinstance(made, Model):
        raise BadRequest(f"--draft: {digest[:12]}… is a {made.kind}, not a Model.")
    return made
