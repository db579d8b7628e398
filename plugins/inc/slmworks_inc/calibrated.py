"""Shared by the quantizers of weights that calibrate: rows, their tokens, and what a network must be like."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, PositiveInt

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks_inc.weight_only import WeightOnly

if TYPE_CHECKING:
    from slmworks.model_tasks.text_generation.hf import HfGenerator
    from slmworks_inc.blocks import Blocks


class Calibrated(WeightOnly):
    """Weights rounded with regard to what they are multiplied with."""

    reads: ClassVar = {"calibration": ("train",)}
    needs: ClassVar = frozenset({"calibration"})

    rows: PositiveInt = 128
    """Training rows to calibrate with, drawn at random (by the task's seed): prompts and answers."""
    max_tokens: Annotated[int, Field(ge=2)] = 512
    """Tokens of a row that are calibrated with, its last ones, the answer included."""

    def _rows(self, calibration: Dataset | None, seed: int) -> Sequence[Any]:
        from slmworks.model_tasks.text_generation import calibration as conversations

        data = conversations.given(calibration, plugin=self.plugin, otherwise="quantize/inc-rtn")
        return conversations.calibration_rows(data, self.rows, seed)

    def _pieces(self, original: "HfGenerator", rows: Sequence[Any]) -> list[list[int]]:
        """Token ids of the rows, those that have some; BadRequest where none has."""
        from slmworks.model_tasks.text_generation import calibration as conversations

        most = min(self.max_tokens, original.context or self.max_tokens)
        found = [ids[-most:] for ids in conversations.tokens(original, rows) if ids]
        if not found:
            raise BadRequest(
                f"the {len(rows)} calibration rows have no token for this model; give rows with text in them."
            )
        return found

    def _blocks(self, network: Any, pieces: Sequence[Sequence[int]]) -> "Blocks":
        """The network's layers; BadRequest for a network that Neural Compressor would get wrong."""
        from slmworks_inc import blocks

        found = blocks.of(network, plugin=self.plugin, group_size=self.group_size)
        blocks.require_alike(network, found, max(pieces, key=len), plugin=self.plugin)
        return found

    def _calibrate(self, prepared: Any, pieces: Sequence[Sequence[int]]) -> None:
        import torch

        for piece in pieces:
            prepared(input_ids=torch.tensor([list(piece)]), use_cache=False)
