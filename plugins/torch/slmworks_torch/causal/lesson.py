"""The way from data and a model to a trained model, which every plugin of this family goes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.model_task import Row
from slmworks.contract.stage import Task
from slmworks_torch import devices, hf_folder, networks, training
from slmworks_torch.causal import chat_model, checks, examples
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.causal.examples import Examples
from slmworks_torch.causal.options import LONGEST, CausalOptions, RowOptions
from slmworks_torch.causal.supervised import Supervised
from slmworks_torch.loop import Loop, Trained
from slmworks_torch.objective import Objective


@dataclass(frozen=True)
class Lesson:
    """A loaded model, and the rows it learns from and is validated on."""

    model: ChatModel
    train: Examples
    held_out: Examples
    max_length: int
    longest_answer: int
    """Tokens of the longest answer in `train`, its end included."""


def prepare(
    model: ChatModel,
    data: Dataset,
    options: CausalOptions,
    task: Task,
    *,
    port: str,
    everything: bool = False,
) -> Lesson:
    """Read and encode the data, say what is left out, and check the network on some of it.

    `everything`: rows of `train` teach their prompts too.
    """
    most = longest_row(model, options, port=port)
    train, held_out = (
        encoded(model, examples.read(data, split), split, most, task) for split in ("train", "validation")
    )
    longest = max(train.answers)
    checks.check(model.net, train, port=port)
    if everything:
        train = replace(train, starts=[1] * len(train))
    return Lesson(model, train, held_out, most, longest)


def longest_row(model: ChatModel, options: RowOptions, *, port: str) -> int:
    """Most tokens of a row; BadRequest for more than the network can take."""
    most = options.max_length or min(model.context or LONGEST, LONGEST)
    hf_folder.refuse_length(model.net, most, port=port)
    return most


def encoded(model: ChatModel, rows: Sequence[Row], split: str, most: int, task: Task) -> Examples:
    """Token ids of rows; what is left out is said."""
    made = examples.encode(model, rows, split=split, max_length=most)
    for line in made.warnings(split, most):
        task.say(line)
    return made


def learn(
    lesson: Lesson,
    net: Any,
    options: CausalOptions,
    task: Task,
    aim: Callable[[Supervised], Objective] = lambda answers: answers,
) -> Trained:
    """Train `net`, the lesson's network or one around it, and say where rows cannot be packed.

    `aim`: from the objective of the rows' answers to another one over the same rows.
    """
    if options.packing and not checks.packs(lesson.model.net, lesson.train):
        task.say("rows are padded, not packed: this network mixes rows that stand one behind another")
        options = options.model_copy(update={"packing": False})
    networks.set_dropout(net, options.dropout)
    device = devices.device()
    answers = Supervised(lesson.train, lesson.held_out, options, lesson.max_length, device)
    return Loop(net, aim(answers), options, task).run()


def finish(
    lesson: Lesson,
    trained: Trained,
    options: RowOptions,
    task: Task,
    share: float,
    noted: Mapping[str, Any],
) -> Model:
    """Write the folder; `share` of the weights was trained, `noted` is what is known of its origin."""
    model = lesson.model
    model.save(task.output)
    most = options.max_new_tokens or room_for(lesson.longest_answer, model.context)
    left_out = sum(lesson.train.left_out.values())
    return Model(
        path=task.output,
        format="hf",
        meta=chat_model.carried_meta(model, most, noted),
        summary={
            **trained.summary,
            "parameters": model.parameters,
            **model.shape,
            "trained": round(share, 4),
            "rows": lesson.train.rows - left_out,
            "rows_left_out": left_out,
        },
    )


def trained_share(model: ChatModel) -> float:
    """Share of the weights that training changes."""
    return float(sum(weight.numel() for _, weight in training.trained(model.net))) / model.parameters


def room_for(longest: int, context: int) -> int:
    """Tokens of an answer: a quarter more than the longest learnt one, rounded up to 16."""
    most = -(-longest * 5 // 64) * 16
    return min(most, context) if context else most
