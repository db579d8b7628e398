"""Extractive readers in torch: their head, their logits for each word, their score."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.question_answering import measures
from slmworks.model_tasks.question_answering.hf import HfReader
from slmworks.model_tasks.question_answering.reader import answer_of, best_of
from slmworks.model_tasks.question_answering.task import QuestionAnswering
from slmworks.model_tasks.word_windows import Place
from slmworks_torch import config_json, hf_folder
from slmworks_torch.scoring import Score
from slmworks_torch.words.reading import NOWHERE, PairWindows

if TYPE_CHECKING:
    import numpy as np

    from slmworks_torch.hf_folder import TextNetwork


def load_reader(
    model: Model, *, port: str, max_length: int | None = None, new_head: bool = True
) -> "TextNetwork":
    """Load the model with two logits a token: that an answer begins there, and that it ends.

    A head of that kind is kept; otherwise a new one is drawn from torch's random state. `max_length`,
    `new_head` and errors as in `hf_folder.load`.
    """
    names: dict[str, Any] = {"id2label": {0: "start", 1: "end"}, "label2id": {"start": 0, "end": 1}}
    return hf_folder.load(model, HfReader.head, port=port, max_length=max_length, new_head=new_head, **names)


def require_reader(teacher: Model) -> None:
    """BadRequest for a teacher that answers no questions."""
    if teacher.model_task == QuestionAnswering.name:
        return
    kinds = config_json.read(teacher.path, port="teacher").get("architectures") or []
    if not any(str(kind).endswith("ForQuestionAnswering") for kind in kinds):
        raise BadRequest(
            "teacher: this model answers no questions, so it has no answers to learn from; give distill the "
            "output of a finetune step (qa)."
        )


def meta(data: Dataset, made: "TextNetwork") -> dict[str, Any]:
    """A reader's entries of a Model artifact's `meta`."""
    return {
        "task": QuestionAnswering.name,
        "unanswerable": bool(data.meta.get("unanswerable")),
        "max_length": made.max_length,
        "parameters": made.parameters,
    }


def word_logits(
    net: Any, own: PairWindows, tell: Callable[[int], None] = lambda _done: None
) -> "np.ndarray[Any, Any]":
    """A network's logits for each word of all contexts, float32 [words, 4] as `distillation` takes them."""
    import numpy as np

    starts = own.starts
    found = np.full((starts[-1], 4), NOWHERE / 100, np.float32)
    number: list[int] = []
    before = -1
    for row in own.row:
        number.append(0 if row != before else number[-1] + 1)
        before = row
    counted: dict[tuple[int, int], list[tuple[int, Place]]] = {}
    for row, places in enumerate(own.places):
        for word, place in enumerate(places):
            if place is not None:
                counted.setdefault((row, place.window), []).append((starts[row] + word, place))
    for window, logits in own.outputs(net, tell=tell):
        for word, place in counted.get((own.row[window], number[window]), ()):
            found[word] = logits[place.first, 0], logits[place.last, 1], *logits[0]
    return found


def score(net: Any, own: PairWindows, *, unanswerable: bool) -> Score:
    """Mean F1 of a network's answers, and exact matches."""
    import numpy as np

    bests: list[list[Any]] = [[] for _ in own.spans]
    for window, logits in own.outputs(net):
        bests[own.row[window]].append(best_of(own.spans[own.row[window]], own.own[window], logits))
    f1, exact = [], []
    for context, answers, found in zip(own.rows.contexts, own.rows.answers, bests, strict=True):
        said, row = answer_of(context, found, unanswerable=unanswerable), {"answers": answers}
        f1.append(measures.f1(row, said)[0])
        exact.append(measures.exact(row, said)[0])
    error = float(np.std(f1)) / len(f1) ** 0.5
    return Score("f1", float(np.mean(f1)), error, {"exact_match": float(np.mean(exact))})
