"""4 bits a weight, columns that matter scaled up before rounding (AWQ)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import PositiveInt

from slmworks.contract.errors import BadRequest, TaskFailed, in_a_line
from slmworks_inc.calibrated import Calibrated
from slmworks_inc.weight_only import Kept

if TYPE_CHECKING:
    from slmworks.model_tasks.text_generation.hf import HfGenerator


class IncAwq(Calibrated):
    """Pack the linear layers of a causal language model in 4 bits (Intel Neural Compressor, AWQ).

    Method: columns that meet large activations are scaled up before rounding, and what gives those
    activations down by as much (Lin et al., 2024, arXiv:2306.00978). Which norm or layer can give a scale
    away is tried on the model itself; other layers are rounded to nearest. The folder is
    `quantize/inc-rtn`'s: smaller on disk only. Not marked deterministic: the last bits of activations depend
    on the processor.
    """

    plugin: ClassVar = "inc-awq"

    bits: Literal[4] = 4
    """Bits a weight, scales apart: Neural Compressor searches with 4 whatever it is told."""
    rows: PositiveInt = 32
    """Training rows to calibrate with, drawn at random (by the task's seed): prompts and answers. Each is
    computed some 20 times a layer."""

    def _convert(self, original: "HfGenerator", rows: Sequence[Any], kept: Kept) -> dict[str, int]:
        from neural_compressor.torch.quantization import AWQConfig, convert, prepare

        import torch
        from slmworks_inc import absorb
        from slmworks_inc.rtn import exactly

        network, pieces = original.module, self._pieces(original, rows)
        blocks = self._blocks(network, pieces)
        longest = max(pieces, key=len)
        absorbed = absorb.find(network, blocks, longest)
        if not absorbed:
            raise BadRequest(
                "no norm or layer of this model can give a scale away (tried by computing with scales), so "
                "inc-awq would only round to nearest; use quantize/inc-gptq, or quantize/inc-rtn."
            )

        def config(**more: Any) -> Any:
            return AWQConfig(
                bits=4, group_size=self.group_size, use_sym=self.sym, absorb_layer_dict=absorbed, **more
            )

        whole = config()
        for name in kept.fp32:
            whole.set_local(exactly(name), config(dtype="fp32"))
        prepared = prepare(network, whole, example_inputs=torch.tensor([longest]))
        self._calibrate(prepared, pieces)
        try:
            convert(prepared)
        except (RuntimeError, TypeError, ValueError, AssertionError) as error:
            raise TaskFailed(
                f"quantize: AWQ failed ({in_a_line(error, 200)}); use quantize/inc-gptq, or quantize/inc-rtn."
            ) from error
        scaled = {*blocks.paths([name for names in absorbed.values() for name in names])}
        return {"scaled_layers": len(scaled - {*kept.fp32})}
