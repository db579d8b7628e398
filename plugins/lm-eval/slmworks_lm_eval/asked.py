"""The harness's model: its requests, answered by a runtime of slmworks. Imported where the harness runs."""

from collections.abc import Sequence
from typing import Any, Literal

from lm_eval.api.model import LM

from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Continuing, Generated, Settings
from slmworks.contract.model_task import Row
from slmworks.contract.runtime import Writing, in_batches
from slmworks.contract.stage import Task

MOST = 256
"""Tokens of an answer where a task says nothing, as in the harness."""


class Asked(LM):
    """A generator behind the harness's three questions, two of which tasks with rows of their own ask."""

    def __init__(self, runtime: Any, task: Task, *, role: Literal["prompt", "user"], batch_size: int) -> None:
        """`role`: `prompt` for raw text that goes on, `user` for the model's chat template."""
        super().__init__()
        self._runtime, self._of, self._role, self._batch = runtime, task, role, batch_size

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Log-likelihood of a continuation behind a context, and whether it is the likeliest one."""
        if not isinstance(self._runtime, Continuing):
            raise BadRequest(
                "a model of this format doesn't say how likely it finds a text; export it as gguf."
            )
        rows = [{**self._row(one.args[0]), "completion": one.args[1]} for one in requests]

        def tell(done: int) -> None:
            self._of.progress(done, len(rows), note="likelihood")

        found = in_batches(self._runtime.continued, rows, self._batch, tell=tell)
        return [(-one.nll, one.greedy) for one in found]

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Text behind a context, up to a stop."""
        if not isinstance(self._runtime, Writing):
            raise BadRequest("a model of this format can't be asked with stops; export it to gguf.")
        asked = [(self._row(one.args[0]), self._settings(one.args[1])) for one in requests]
        found: dict[int, str] = {}

        def take(place: int, said: Generated | BadRequest) -> None:
            if isinstance(said, BadRequest):
                raise said
            found[place] = str(said.answer["text"])
            self._of.progress(len(found), len(asked), note="answers")

        self._runtime.write(asked, take)
        return [found[place] for place in range(len(asked))]

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Refused: the likelihood of whole texts is what `evaluate/quality` measures."""
        raise BadRequest(
            "a task asks for the likelihood of whole texts, which evaluate/quality measures; leave it out."
        )

    def _row(self, context: str) -> Row:
        if not context.strip():
            raise BadRequest("a task has a row without any text before its answer; give it a doc_to_text.")
        return {"messages": [{"role": self._role, "content": context}]}

    def _settings(self, wanted: dict[str, Any]) -> Settings:
        until = wanted.get("until") or ()
        stops = (until,) if isinstance(until, str) else tuple(until)
        drawn = bool(wanted.get("do_sample")) and float(wanted.get("temperature", 0.0)) > 0
        return Settings(
            max_tokens=int(wanted.get("max_gen_toks", MOST)),
            temperature=float(wanted["temperature"]) if drawn else 0.0,
            seed=self._of.seed,
            stop=stops,
        )
