"""What the answers of a GGUF model take, until the first token and until the last."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from slmworks.contract.model_task import Row
from slmworks.contract.runtime import Timing
from slmworks.model_tasks.text_generation.prompt import room
from slmworks_gguf.generator import GREEDY, GgufGenerator


class GgufTiming(GgufGenerator):
    """The part of a GGUF runtime that is measured; a release doesn't carry it."""

    def timed(self, rows: Sequence[Row]) -> list[Timing]:
        """Answer rows that are asked for at the same moment: as many side by side as there are slots.

        With one slot the others wait. Tokens of a prompt that llama.cpp has from the text before aren't
        counted as read.
        """
        start = perf_counter()
        with ThreadPoolExecutor(self.slots) as pool:
            return list(pool.map(lambda row: self._timed(row, start), rows))

    def _timed(self, row: Row, start: float) -> Timing:
        asked = self.asked(row)
        ids, scope = asked.ids, self.asking.scope
        most = room(len(ids), self.context, self.most)
        ticks: list[float] = []
        said: dict[str, Any] = {}
        texts, logprobs = list[str](), list[float]()

        def take(piece: dict[str, Any]) -> bool:
            ticks.append(perf_counter())
            said.update({key: piece[key] for key in ("usage", "timings") if piece.get(key)})
            if scope is not None:
                (choice,) = piece["choices"]
                texts.append(str(choice["text"]))
                logprobs.extend(self._logprobs(choice))
            return False

        schema = self.in_context.json_schema(row)
        with self.place(len(ids) + most) as llama:
            held = self.grammars.fields(schema, llama)
            wanted = {} if scope is None else {"logprobs": 1}
            llama.stream(ids, {**GREEDY, **held, **wanted, "max_tokens": most}, take)
        if scope is not None:
            scope.said(asked.sure("".join(texts), logprobs))
            ticks.append(perf_counter())
        read, tokens = said["timings"]["prompt_n"], said["usage"]["completion_tokens"]
        return Timing(int(read), ticks[0] - start, int(tokens), ticks[-1] - start)
