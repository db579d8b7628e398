"""Answers of a GGUF model with settings of their own, for those who learn from it."""

from collections.abc import Callable, Sequence

from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Generated, Settings
from slmworks.contract.model_task import Row
from slmworks_gguf.streaming import GgufStreaming


class GgufWriting(GgufStreaming):
    """The part of a GGUF runtime that a student learns from; a release doesn't carry it."""

    def write(
        self, asked: Sequence[tuple[Row, Settings]], take: Callable[[int, Generated | BadRequest], None]
    ) -> None:
        """Answer one row after the other: what a prompt shares with the last one isn't computed again."""
        for place, (row, settings) in enumerate(asked):
            take(place, self._written(row, settings))

    def price(self, generated: Generated) -> float:
        """Nothing."""
        return 0.0

    def _written(self, row: Row, settings: Settings) -> Generated | BadRequest:
        try:
            found = self.stream(self.prepare(row, settings), lambda _piece: False)
        except BadRequest as error:
            return error
        assert found is not None  # nobody has given True
        return found
