"""Who answers the rows of an evaluation: a model's runtime, or a hosted model through its ledger.

Each answer of a hosted model is paid for once, however often it is measured.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from slmworks.contract.artifact import Model
from slmworks.contract.generation import Settings
from slmworks.contract.hosted import FORMAT as HOSTED
from slmworks.contract.model_task import Answer, ModelTask, Row
from slmworks.contract.runtime import in_batches, inputs_of, offered_runtime, open_runtime
from slmworks.contract.stage import Task
from slmworks.teachers.ask import Question, Written, ask

if TYPE_CHECKING:
    from slmworks.contract.runtime import Runtime


class Answers:
    """A model that answers rows, in batches of `batch_size`."""

    def __init__(self, model: Model, purpose: ModelTask, task: Task, *, batch_size: int) -> None:
        """Load it; a hosted one isn't even asked for its key before an answer is lacking."""
        self.model, self.purpose, self.task, self.batch_size = model, purpose, task, batch_size
        self.runtime: Runtime | None = None
        if model.format == HOSTED:
            offered_runtime(model, purpose)
        else:
            self.runtime = open_runtime(model, threads=task.threads, model_task=purpose.name)

    def of(self, rows: Sequence[Row], *, tell: Callable[[int], None]) -> list[Answer]:
        """The answers, in the order of the rows; BadRequest where it cannot answer one."""
        given = inputs_of(self.purpose, rows)
        if self.runtime is None:
            asked = [Question(row, Settings()) for row in given]
            said = ask(self.model, asked, self.task, role="model", every=True)
            return [_answer(one) for one in said if one]
        # Rows of a batch share dynamic int8 scales, so the order of batches belongs to the report.
        return in_batches(self.runtime.answer, given, self.batch_size, longest_first=True, tell=tell)


def _answer(written: Written) -> Answer:
    return {
        "text": written.text,
        "finish": written.finish,
        "tokens": written.tokens,
        "prompt_tokens": written.prompt_tokens,
        "money": written.money,
        "seconds": written.latency,
    }
