"""How likely a GGUF model finds true answers, as the library that serves it computes them.

llama.cpp's server gives no log-probabilities of a prompt, so its C API is asked, with keys and values in
float32. The file is opened a second time here, when the first likelihood is asked for.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from slmworks.contract.generation import Continuation
from slmworks.contract.model_task import Row
from slmworks.contract.runtime import Likelihood
from slmworks.model_tasks.text_generation import likelihood, prompt
from slmworks.model_tasks.text_generation.asking import Asked

if TYPE_CHECKING:
    from slmworks_gguf.llama_cpp import LlamaCpp

WINDOW = 512
"""Tokens that llama.cpp is opened for at first."""


class GgufScoring:
    """The part of a GGUF runtime that says how likely it finds the truth; a release doesn't carry it."""

    path: Path
    """The file that answers."""
    context: int
    """Tokens that the model reads and writes together."""
    ends: list[int]
    """Tokens that end an answer."""
    threads: int
    """Threads to compute with."""
    asked: Callable[[Row], Asked]
    """A row with what stands before it."""
    _chat: "tuple[dict[str, str], dict[str, str]]"
    _scorer: "LlamaCpp | None" = None
    _scoring = Lock()

    def scored(self, rows: Sequence[Row]) -> list[Likelihood]:
        """The likelihood of each row's `completion`."""
        return [one.likelihood() for one in self._sums(rows, self.ends)]

    def continued(self, rows: Sequence[Row]) -> list[Continuation]:
        """How likely each row's `completion` is behind its prompt, whatever follows."""
        return [one.continuation() for one in self._sums(rows, ())]

    def _sums(self, rows: Sequence[Row], ends: Sequence[int]) -> list[likelihood.Sum]:
        with self._scoring:
            asked = [self._target(row) for row in rows]
            for ids, answer in asked:
                likelihood.require_room(len(ids), len(answer), self.context)
            return [self._sum(ids, answer, ends) for ids, answer in asked]

    def _target(self, row: Row) -> tuple[list[int], list[int]]:
        """Token ids of a row's prompt, and of its true answer."""
        rendered = prompt.prompt(self.asked(row).row, *self._chat)
        return likelihood.target(rendered, str(row["completion"]), self._opened_for_scoring().encode)

    def _sum(self, ids: Sequence[int], answer: Sequence[int], ends: Sequence[int]) -> likelihood.Sum:
        llama, found = self._opened_for_scoring(), likelihood.Sum(answer, ends)
        if len(ids) + len(answer) > llama.window:
            llama.widen(min(self.context, max(2 * llama.window, len(ids) + len(answer))))
        for logits in llama.logits_behind(ids, answer):
            found.add(logits)
        return found

    def _opened_for_scoring(self) -> "LlamaCpp":
        if self._scorer is None:
            from slmworks_gguf.llama_cpp import opened

            self._open_scorer = ExitStack()  # freed with this object
            size = min(WINDOW, self.context)
            file = opened(self.path, threads=self.threads, window=size)
            self._scorer = self._open_scorer.enter_context(file)
        return self._scorer
