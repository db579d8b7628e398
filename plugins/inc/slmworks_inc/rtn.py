"""4 or 8 bits a weight, rounded to nearest by Neural Compressor; a folder that its own module computes."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from slmworks_inc.weight_only import FourOrEight, Kept

if TYPE_CHECKING:
    from slmworks.model_tasks.text_generation.hf import HfGenerator


class IncRtn(FourOrEight):
    """Pack the linear layers of a causal language model in 4 or 8 bits (Intel Neural Compressor, RTN).

    Smaller on disk only: a layer is unpacked into float32 when it is first used, so memory and speed are
    those of the whole model; `quantize/gguf` makes what is fast too. The vocabulary's tables stay float32.
    """

    ignores: ClassVar = frozenset({"calibration"})
    plugin: ClassVar = "inc-rtn"

    def _convert(self, original: "HfGenerator", rows: Sequence[Any], kept: Kept) -> dict[str, int]:
        from neural_compressor.torch.quantization import RTNConfig, convert, prepare

        from slmworks_inc import blocks

        del rows
        blocks.require_matrices(original.module, plugin=self.plugin)

        def config(bits: int, **more: Any) -> Any:
            return RTNConfig(
                bits=bits, group_size=self.group_size, use_sym=self.sym, use_layer_wise=False, **more
            )

        whole = config(self.bits)
        for name in kept.fp32:
            whole.set_local(exactly(name), config(4, dtype="fp32"))
        for name in kept.eights:
            whole.set_local(exactly(name), config(8))
        convert(prepare(original.module, whole))
        return {}


def exactly(name: str) -> str:
    """The pattern that Neural Compressor matches one path with."""
    return f"{re.escape(name)}$"
