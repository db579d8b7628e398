"""4 or 8 bits a weight, each column rounded so that the next ones make up for its error (GPTQ)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from slmworks.contract.errors import TaskFailed, in_a_line
from slmworks_inc.calibrated import Calibrated
from slmworks_inc.weight_only import FourOrEight, Kept

if TYPE_CHECKING:
    from slmworks.model_tasks.text_generation.hf import HfGenerator


class IncGptq(FourOrEight, Calibrated):
    """Pack the linear layers of a causal language model in 4 or 8 bits (Intel Neural Compressor, GPTQ).

    Method: column by column, what rounding one loses on the calibration rows is taken from the columns that
    are not rounded yet (Frantar et al., 2023, arXiv:2210.17323); a group's range is the one that loses
    least. The folder is `quantize/inc-rtn`'s: smaller on disk only. Not marked deterministic: the last bits
    of activations depend on the processor.
    """

    plugin: ClassVar = "inc-gptq"

    def _convert(self, original: "HfGenerator", rows: Sequence[Any], kept: Kept) -> dict[str, int]:
        from neural_compressor.torch.quantization import GPTQConfig, convert, prepare

        from slmworks_inc.rtn import exactly

        network, pieces = original.module, self._pieces(original, rows)
        self._blocks(network, pieces)

        def config(bits: int) -> Any:
            return GPTQConfig(
                bits=bits,
                group_size=self.group_size,
                use_sym=self.sym,
                block_size=self.group_size,
                use_mse_search=True,
            )

        whole = config(self.bits)
        for name in kept.eights:
            whole.set_local(exactly(name), config(8))
        with hidden(network, kept.fp32):
            prepared = prepare(network, whole)
            self._calibrate(prepared, pieces)
            try:
                convert(prepared)
            except (RuntimeError, TypeError, ValueError) as error:
                raise TaskFailed(
                    f"quantize: GPTQ failed ({in_a_line(error, 200)}); give more rows, or use "
                    "quantize/inc-rtn."
                ) from error
        return {}


@contextmanager
def hidden(network: Any, names: Sequence[str]) -> Iterator[None]:
    """Keep linear layers out of Neural Compressor's sight: its GPTQ quantizes what it is told to leave."""
    whole = {name: network.get_submodule(name) for name in names}
    for name, part in whole.items():
        network.set_submodule(name, _hider(part))
    try:
        yield
    finally:
        for name, part in whole.items():
            network.set_submodule(name, part)


def _hider(part: Any) -> Any:
    import torch

    class Hidden(torch.nn.Module):  # type: ignore[misc]
        """Computes as a layer that it does not list among its modules.

        Neural Compressor needs a linear layer in the first layer of the stack: this one is never called.
        """

        def __init__(self) -> None:
            super().__init__()
            self.unused = torch.nn.Linear(1, 1)

        def forward(self, inputs: Any) -> Any:
            return part(inputs)

    return Hidden()
