"""Alignment of a causal language model with preferences, without a reward model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from slmworks.align import Align
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks_torch.causal.options import RowOptions

if TYPE_CHECKING:
    from slmworks_torch.causal.chat_model import ChatModel
    from slmworks_torch.causal.lesson import Lesson
    from slmworks_torch.causal.preference import Preference


class DirectPreferenceOptimisation(RowOptions, Align):
    """Train on pairs to prefer the chosen answer more than before (DPO: Rafailov et al., 2023).

    The reference is the model as it comes. Its log-probabilities are computed once and kept in a ledger, so
    training holds one model in memory. An epoch that leads too far from the reference is not kept.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    model_tasks: ClassVar[tuple[str, ...]] = ("text-generation",)
    produces: ClassVar[str] = "hf"
    makes_model_task: ClassVar[str] = "text-generation"

    epochs: PositiveInt = 2
    """How often every pair is seen; the last epoch within `most_drift` is kept whose win rate on `validation`
    isn't clearly worse than the best one's."""
    learning_rate: PositiveFloat = 5e-6
    """Highest step size of AdamW, far below supervised fine-tuning's; adapters take ten times more."""
    batch_size: PositiveInt = 16
    """Pairs a step, of similar length; each weighs the same."""
    loss: Literal["sigmoid", "ipo"] = "sigmoid"
    """`sigmoid`: of the model of Bradley and Terry, as in the first DPO. `ipo`: the square of what is missing
    to a gap of 1 / (2 beta), which ends where `sigmoid` goes on for ever (Azar et al., 2024)."""
    beta: PositiveFloat = 0.1
    """How strongly the reference holds; some ten times more with `length_normalised`."""
    length_normalised: bool = False
    """Divide each answer's log-ratio to the reference by its tokens, as SimPO does with log-probabilities
    (Meng et al., 2024): otherwise long answers count for more."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Share of pairs that may be the wrong way round (Mitchell, 2023); `sigmoid` only."""
    sft: NonNegativeFloat = 0.0
    """Weight of the chosen answers' negative log-likelihood (mean over an answer's tokens), which keeps them
    from getting less likely (Pang et al., 2024)."""
    rank: PositiveInt | None = None
    """Rank of adapters beside every linear layer, which are trained and then merged; by default all weights
    are trained."""
    most_drift: PositiveFloat = 0.5
    """Farthest from the reference that an epoch may lead, in nats a token: half the squared log-ratio,
    averaged over the tokens of held-out chosen answers, an estimate of the divergence (Schulman, 2020)."""

    @model_validator(mode="after")
    def _smooths_what_it_can(self) -> Self:
        if self.label_smoothing and self.loss != "sigmoid":
            raise ValueError("label_smoothing goes with loss: sigmoid; leave it out with ipo.")
        return self

    def run(self, *, model: Model, data: Dataset, task: Task) -> Model:
        """Train on the pairs of `train`, choose the epoch on those of `validation`."""
        from slmworks_torch import devices, networks, training
        from slmworks_torch.causal import chat_model, lesson
        from slmworks_torch.loop import Loop

        training.prepare(task)
        loaded = chat_model.load(model, port="model")
        loaded.net.to(devices.device())
        given, objective = self._prepared(loaded, model, data, task)
        before = objective.validate(loaded.net)
        net = self._trained_part(loaded)
        share = lesson.trained_share(loaded)
        networks.set_dropout(net, self.dropout)
        trained = Loop(net, objective, self, task).run()
        if self.rank:
            net.merge_and_unload()
        made = lesson.finish(given, trained, self, task, share, model.meta)
        return replace(
            made, summary={**made.summary, "preferred_before": round(before.further["preferred"], 4)}
        )

    def _prepared(
        self, loaded: "ChatModel", model: Model, data: Dataset, task: Task
    ) -> "tuple[Lesson, Preference]":
        """The data encoded, the network checked on some, the reference's log-probabilities at hand."""
        from slmworks_torch import devices
        from slmworks_torch.causal import checks, lesson, pairs, reference
        from slmworks_torch.causal.preference import Preference

        most = lesson.longest_row(loaded, self, port="model")
        rows = {split: pairs.read(data, split) for split in ("train", "validation")}
        train, held_out = (
            pairs.encode(loaded, some, split=split, max_length=most) for split, some in rows.items()
        )
        for split, one in zip(rows, (train, held_out), strict=True):
            for line in one.answers.warnings(split, most):
                task.say(line)
        checks.check(loaded.net, train.answers, port="model")
        train, held_out = (pairs.forked(loaded.net, one) for one in (train, held_out))
        both = (train.answers, held_out.answers)
        known = reference.log_probabilities(loaded.net, model, both, self.precision, task)
        longest = max(train.answers.answers[::2])
        given = lesson.Lesson(loaded, *both, most, longest)
        return given, Preference(train, held_out, known, self, devices.device())

    def _trained_part(self, loaded: "ChatModel") -> Any:
        """The network, with adapters where only they are trained."""
        from slmworks_torch.causal import lora

        return lora.adapted(loaded, self.rank, 2.0 * self.rank, self.dropout) if self.rank else loaded.net
