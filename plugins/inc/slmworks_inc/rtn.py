"""4 or 8 bits a weight, rounded to nearest by Neural Compressor; a folder that its own module computes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PositiveInt, model_validator

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.stage import Task
from slmworks.quantize import Quantize

if TYPE_CHECKING:
    from slmworks_inc.rtn_folder import Packed

HEADS = ("ForCausalLM", "LMHeadModel")
"""Endings of transformers' classes of causal language models."""


class IncRtn(Quantize):
    """Pack the linear layers of a causal language model in 4 or 8 bits (Intel Neural Compressor, RTN).

    Smaller on disk only: a layer is unpacked into float32 when it is first used, so memory and speed are
    those of the whole model; `quantize/gguf` makes what is fast too. The vocabulary's tables stay float32.
    """

    accepts: ClassVar = {"model": ("hf",)}
    produces: ClassVar = "inc"
    model_tasks: ClassVar = ("text-generation",)
    max_threads: ClassVar = 4
    ignores: ClassVar = frozenset({"calibration"})
    depends_on: ClassVar = ("neural-compressor", "torch", "transformers", "safetensors")

    bits: Literal[4, 8] = 4
    """Bits a weight, scales apart."""
    group_size: PositiveInt = 32
    """Weights of a row that share a scale (16 bits), and a zero point of `bits`."""
    sym: bool = True
    """Round symmetrically around zero. Otherwise between the group's least and largest weight: 4 bits only,
    for Neural Compressor unpacks 8 of that kind wrongly (differences of 8 bits do not fit the 8 it has)."""

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
        from slmworks_inc import divergence, rtn_folder

        self._check(model.path)
        task.progress(0, 3, unit="parts", note="load")
        original = HfGenerator.open(model, threads=task.threads)
        network = original.module
        parameters = sum(part.numel() for part in network.parameters())
        said = divergence.greedy(network, original.tokenizer, original.context)
        task.progress(1, 3, unit="parts", note="round")
        packed = self._pack(network)
        count = sum(one * other for one, other in packed.layers.values())
        rtn_folder.write(network, packed, model.path, task.output)
        del network, original
        task.progress(2, 3, unit="parts", note="compare")
        moved = divergence.of(rtn_folder.read(task.output), said)
        size = (task.output / rtn_folder.WEIGHTS).stat().st_size
        share = count / parameters
        return Model(
            path=task.output,
            format="inc",
            meta={
                **model.meta,
                "parameters": parameters,
                "quantized": {
                    "method": "neural-compressor-rtn",
                    "bits": self.bits,
                    "weights_quantized_share": share,
                },
            },
            summary={
                "bytes": size,
                "parameters": parameters,
                "bits_per_weight": 8 * size / parameters,
                "weights_quantized_share": share,
                "divergence": moved,
            },
        )

    def _check(self, folder: Path) -> None:
        """BadRequest for a model that is no causal language model, or is quantized already."""
        said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        named = (said.get("architectures") or ["no architecture"])[0]
        if not named.endswith(HEADS):
            raise BadRequest(
                f"config.json names {named}, which is no causal language model; inc-rtn packs those, and "
                "inc-static takes classifiers and embedders."
            )
        if said.get("quantization_config"):
            raise BadRequest("its weights are quantized already; give the step the model before that.")

    def _pack(self, network: Any) -> "Packed":
        """Round the layers in place, all but the output table; TaskFailed where there are none."""
        import torch
        from slmworks.machine.quiet import quiet
        from slmworks_inc.rtn_folder import Packed

        with quiet(), torch.no_grad():
            from neural_compressor.torch.algorithms.weight_only.modules import INCWeightOnlyLinear
            from neural_compressor.torch.quantization import RTNConfig, convert, prepare

            biases = {name: getattr(part, "bias", None) for name, part in network.named_modules()}
            config = RTNConfig(
                bits=self.bits, group_size=self.group_size, use_sym=self.sym, use_layer_wise=False
            )
            convert(prepare(network, config))
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
        return Packed(self.bits, self.group_size, self.sym, layers)
