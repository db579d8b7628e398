"""Shared by quantizers of weights alone: traits, options, what is written, and how far the model moved."""

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PositiveInt, model_validator

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.scope import require_no_scope
from slmworks.contract.stage import Task
from slmworks.quantize import Quantize

if TYPE_CHECKING:
    from slmworks.model_tasks.text_generation.hf import HfGenerator
    from slmworks_inc.packed_folder import Packed

HEADS = ("ForCausalLM", "LMHeadModel")
"""Endings of transformers' classes of causal language models."""


@dataclass(frozen=True)
class Kept:
    """Paths of linear layers that don't get `bits`."""

    fp32: tuple[str, ...] = ()
    eights: tuple[str, ...] = ()
    """With 8 bits."""


class WeightOnly(Quantize):
    """Pack the linear layers of a causal language model; the vocabulary's tables stay float32."""

    accepts: ClassVar = {"model": ("hf",)}
    produces: ClassVar = "inc"
    model_tasks: ClassVar = ("text-generation",)
    max_threads: ClassVar = 4
    depends_on: ClassVar = ("neural-compressor", "torch", "transformers", "safetensors")
    plugin: ClassVar[str]
    """Name in messages; the method's is what follows `inc-`."""

    bits: Literal[4, 8] = 4
    """Bits a weight, scales apart."""
    group_size: PositiveInt = 32
    """Weights of a row that share a scale (16 bits), and a zero point of `bits`."""
    sym: bool = True
    """Round symmetrically around zero. Otherwise between the group's least and largest weight: 4 bits only,
    for Neural Compressor unpacks 8 of that kind wrongly (differences of 8 bits do not fit the 8 it has)."""
    keep_fp32: tuple[str, ...] = ()
    """Paths of modules that stay in fp32, with all below them: `model.layers.0`, `model.layers.3.mlp`."""

    @model_validator(mode="after")
    def _is_unpacked_rightly(self) -> Self:
        if self.bits == 8 and not self.sym:
            raise ValueError(
                "sym: Neural Compressor unpacks 8 bits without symmetry wrongly (off by the largest weight "
                "and more); leave `sym` out, or take `bits: 4`"
            )
        return self

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Round and pack, load what was written, and compare it with the model in torch."""
        from slmworks.model_tasks.text_generation.hf import HfGenerator
        from slmworks_inc import divergence, packed_folder

        require_no_scope(model)
        self._check(model.path)
        rows = self._rows(calibration, task.seed)
        task.progress(0, 3, unit="parts", note="load")
        original = HfGenerator.open(model, threads=task.threads)
        network = original.module
        kept = self._kept(network)
        parameters = sum(part.numel() for part in network.parameters())
        said = divergence.greedy(network, original.tokenizer, original.context)
        task.progress(1, 3, unit="parts", note="round")
        packed, more = self._pack(original, rows, kept)
        count = sum(one * other for one, other in packed.layers.values())
        packed_folder.write(network, packed, model.path, task.output)
        del network, original
        task.progress(2, 3, unit="parts", note="compare")
        moved = divergence.of(packed_folder.read(task.output), said)
        size = (task.output / packed_folder.WEIGHTS).stat().st_size
        share = {"weights_quantized_share": count / parameters}
        layers = {"fp32_layers": sorted(kept.fp32), "8_bit_layers": sorted(packed.eights)}
        counted = {**({"calibration_rows": len(rows)} if rows else {}), **more}
        quantized = {
            "method": f"neural-compressor-{self.plugin.removeprefix('inc-')}",
            "bits": self.bits,
            **share,
            **{name: paths for name, paths in layers.items() if paths},
            **counted,
        }
        return Model(
            path=task.output,
            format="inc",
            meta={**model.meta, "parameters": parameters, "quantized": quantized},
            summary={
                "bytes": size,
                "parameters": parameters,
                "bits_per_weight": 8 * size / parameters,
                **share,
                **counted,
                "divergence": moved,
            },
        )

    @abstractmethod
    def _convert(self, original: "HfGenerator", rows: Sequence[Any], kept: Kept) -> dict[str, int]:
        """Round the layers in place; returns further counts to report. BadRequest for what it can't do."""

    def _rows(self, calibration: Dataset | None, seed: int) -> Sequence[Any]:
        """Rows to calibrate with: none where the method needs none."""
        del calibration, seed
        return ()

    def _check(self, folder: Path) -> None:
        """BadRequest for a model that is no causal language model, or is quantized already."""
        said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        named = (said.get("architectures") or ["no architecture"])[0]
        if not named.endswith(HEADS):
            raise BadRequest(
                f"config.json names {named}, which is no causal language model; {self.plugin} packs those, "
                "and inc-static takes classifiers and embedders."
            )
        if said.get("quantization_config"):
            raise BadRequest("its weights are quantized already; give the step the model before that.")

    def _kept(self, network: Any) -> Kept:
        """What the options keep out of `bits`; BadRequest for paths of nothing."""
        from slmworks_inc import layers

        fp32 = layers.below(network, self.keep_fp32, option="keep_fp32")
        if fp32 and len(fp32) == len(layers.linear(network)):
            raise BadRequest("keep_fp32: no linear layer would be left to quantize; name fewer modules.")
        return Kept(tuple(fp32))

    def _pack(
        self, original: "HfGenerator", rows: Sequence[Any], kept: Kept
    ) -> tuple["Packed", dict[str, int]]:
        """Round the layers in place, all but the output table; TaskFailed where there are none."""
        import torch
        from slmworks.machine.quiet import quiet
        from slmworks_inc.packed_folder import Packed

        network = original.module
        biases = {name: getattr(part, "bias", None) for name, part in network.named_modules()}
        with quiet(), torch.no_grad():
            from neural_compressor.torch.algorithms.weight_only.modules import INCWeightOnlyLinear

            more = self._convert(original, rows, kept)
        layers = {}
        for name, part in network.named_modules():
            if isinstance(part, INCWeightOnlyLinear):
                part.bias = biases[name]  # as it was: Neural Compressor's is float16, or zeros
                layers[name] = (part.in_features, part.out_features)
        if not layers:
            raise TaskFailed(
                "quantize: Neural Compressor found no linear layer in this model beside the output table, so "
                "nothing would be smaller; take quantize/gguf."
            )
        eights = tuple(name for name in layers if name in kept.eights)
        return Packed(self.bits, self.group_size, self.sym, layers, eights), more


class FourOrEight(WeightOnly):
    """With layers of 8 bits among those of 4."""

    keep_8_bits: tuple[str, ...] = ()
    """Paths of modules that get 8 bits a weight where `bits` is 4, with all below them; symmetric only."""

    @model_validator(mode="after")
    def _are_fewer_than_8(self) -> Self:
        if self.keep_8_bits and self.bits == 8:
            raise ValueError("keep_8_bits: all layers have 8 bits already; leave it out, or take `bits: 4`")
        if self.keep_8_bits and not self.sym:
            raise ValueError(
                "keep_8_bits: Neural Compressor unpacks 8 bits without symmetry wrongly; leave `sym` out"
            )
        return self

    def _kept(self, network: Any) -> Kept:
        from slmworks_inc import layers

        kept = super()._kept(network)
        eights = layers.below(network, self.keep_8_bits, option="keep_8_bits")
        both = sorted({*eights} & {*kept.fp32})
        if both:
            raise BadRequest(f"keep_8_bits: keep_fp32 has {both[0]} too; name it in one of them.")
        return Kept(kept.fp32, tuple(eights))
