"""Distillation of causal language models by their teacher's likeliest tokens, which a ledger keeps."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.distill import Distill
from slmworks.teachers.budget import Budget
from slmworks_torch import config_json
from slmworks_torch.causal.divergences import Kind
from slmworks_torch.causal.options import CausalOptions
from slmworks_torch.causal.student import StudentShape

if TYPE_CHECKING:
    from slmworks_torch.causal.chat_model import ChatModel
    from slmworks_torch.causal.examples import Examples
    from slmworks_torch.causal.lesson import Lesson
    from slmworks_torch.causal.teacher_tokens import TeacherTokens


class TokenKD(CausalOptions, StudentShape, Distill):
    """Match the teacher's distribution over next tokens at each token of an answer (Kim & Rush, 2016).

    The teacher is computed once for each row: its `k` likeliest tokens are kept in its ledger, for every
    student, loss and seed. Student and teacher have the same tokens.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"teacher": ("hf",), "student": ("hf",)}
    model_tasks: ClassVar[tuple[str, ...]] = ("text-generation",)
    produces: ClassVar[str] = "hf"
    makes_model_task: ClassVar[str] = "text-generation"

    k: PositiveInt = 16
    """Likeliest tokens of the teacher that are kept for each token of an answer; the rest counts as one more
    token. Another `k` is another ledger."""
    divergence: Kind = "forward-kl"
    """`forward-kl` covers all that the teacher might say (Hinton et al., 2015), `reverse-kl` keeps to what it
    most likely says (Gu et al., 2024), `jsd` lies between them (Agarwal et al., 2024)."""
    beta: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The teacher's share of the mixture that `jsd` compares both with."""
    temperature: PositiveFloat = 1.0
    """Softens both distributions, the `k` tokens and the rest, before they are compared."""
    alpha: NonNegativeFloat = 0.0
    """Weight of the cross-entropy with the answers of the data, beside the divergence."""
    agreement: bool = False
    """Ask the teacher about `validation` as well, and say at which share of its tokens the student's
    likeliest one is the teacher's (`teacher_agreement`): what a draft's guesses are worth."""
    budget: Budget = Budget()
    """What the teacher's ledger may cost at most."""

    def check_origin(self, port: str, model: Model) -> None:
        """BadRequest for a model that writes no text, and for a `k` above its tokens."""
        if port not in ("teacher", "student"):
            return
        config = config_json.known(model.path)
        _refuse_classifier(config, port)
        size = config.get("vocab_size")
        if isinstance(size, int):
            self._refuse_k(size, port)

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Make or take the student, ask the teacher what its ledger lacks, train, choose on `validation`."""
        from slmworks_torch import training
        from slmworks_torch.causal import lesson, measures, teacher_tokens
        from slmworks_torch.causal import student as students

        for port, model in (("teacher", teacher), ("student", student)):
            if model:
                self.check_origin(port, model)
        training.prepare(task)
        loaded = students.student_of(teacher, student, self, data, task)
        ids = self._match(teacher, student, loaded, data)
        given = lesson.prepare(loaded, data, self, task, port="student" if student else "teacher")
        size = int(loaded.net.get_output_embeddings().weight.shape[0])
        self._refuse_k(size, "student")

        def ask(rows: "Examples") -> "TeacherTokens":
            return teacher_tokens.gather(
                teacher, rows, task, k=self.k, vocabulary=size, ids=ids, budget=self.budget
            )

        made = self._train(given, ask(given.train), task, (student or teacher).meta)
        if not self.agreement:
            return made
        share = measures.agreement(loaded.net, given.held_out, ask(given.held_out), most=self.tokens_at_once)
        return replace(made, summary={**made.summary, "teacher_agreement": share})

    def _match(
        self, teacher: Model, student: Model | None, loaded: "ChatModel", data: Dataset
    ) -> list[int] | None:
        """The teacher's id of each of the student's tokens; BadRequest where they can't be compared."""
        from slmworks_torch.causal import chat_model, examples, same_tokens

        theirs = chat_model.open_chat(teacher, port="teacher")
        if student:
            same_tokens.require_same_prompts(theirs, loaded.chat, examples.read(data, "train"))
        return same_tokens.teacher_ids(theirs, loaded.chat)

    def _train(self, given: "Lesson", said: "TeacherTokens", task: Task, noted: Mapping[str, Any]) -> Model:
        from slmworks_torch.causal import lesson
        from slmworks_torch.causal.supervised import Supervised
        from slmworks_torch.causal.token_objective import TokenMatch

        def aim(answers: Supervised) -> TokenMatch:
            return TokenMatch(
                **vars(answers),
                said=said,
                kind=self.divergence,
                temperature=self.temperature,
                beta=self.beta,
                alpha=self.alpha,
            )

        trained = lesson.learn(given, given.model.net, self, task, aim)
        share = lesson.trained_share(given.model)
        made = lesson.finish(given, trained, self, task, share, noted)
        return replace(made, summary={**made.summary, **said.summary})

    def _refuse_k(self, size: int, port: str) -> None:
        if self.k >= size:
            raise BadRequest(
                f"k: the {port} has {size} tokens, and {self.k} of them and a rest are asked for; take "
                f"{size - 1} at most."
            )


def _refuse_classifier(config: Mapping[str, Any], port: str) -> None:
    """BadRequest where a config.json names a network that chooses among labels."""
    for name in config.get("architectures") or []:
        if str(name).endswith("ForSequenceClassification"):
            raise BadRequest(
                f"{port}: it is a classifier ({name}), which writes no tokens; use distill/logit-kd, or give "
                "a causal language model."
            )
