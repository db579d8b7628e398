"""The model task `text-generation`: an answer to a conversation."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import GenerativeDialect
from slmworks.contract.model_task import Answer, Details, LeftOut, Measure, ModelTask, Row, Trivial, share
from slmworks.contract.runtime import Runtime, SureAnswers
from slmworks.contract.scope import Scope
from slmworks.model_tasks.text_generation import json_answers, likelihood, measures
from slmworks.model_tasks.text_generation.messages import problem
from slmworks.model_tasks.text_generation.openai_wanted import CHAT, COMPLETION
from slmworks.model_tasks.text_generation.retrieval.retrieval import RETRIEVAL
from slmworks.model_tasks.text_generation.scope import (
    ANSWER_SCORES,
    NO_ANSWER,
    RETRIEVAL_SCORE,
    SCOPE_FILE,
)
from slmworks.numbers import figures

if TYPE_CHECKING:
    import numpy as np

    from slmworks.numbers.statistics import Estimate

BRIEF = 200
"""Characters of a text that a table shows."""
SOME_ROWS = (
    share("valid_json", "valid JSON", measures.valid_json),
    share("groundedness", "groundedness", measures.grounded),
)
"""Measures of the rows that they make sense for."""
BITS_PER_BYTE = Measure(
    "bits_per_byte",
    "bits a byte",
    likelihood.bits_and_bytes,
    value=likelihood.quotient,
    worst=(8.0 * likelihood.BYTES, likelihood.BYTES),  # each byte is as likely as any other
    best=(0.0, likelihood.BYTES),
    higher_is_better=False,
    needs="likelihood",
    same=(1,),
)
PERPLEXITY = Measure(
    "perplexity",
    "perplexity",
    likelihood.nats_and_tokens,
    value=likelihood.perplexity,
    worst=(likelihood.UNKNOWING * likelihood.TOKENS, likelihood.TOKENS),
    best=(0.0, likelihood.TOKENS),
    higher_is_better=False,
    written=figures.amount,
    needs="likelihood",
    same=(1,),
)
PREFERRED = replace(share("preferred", "preferred", likelihood.preferred), needs="rejected")


class Passage(Documented):
    """A passage that stood before the question: `finetune/retrieval-augmented`."""

    id: str
    """Document and number of the chunk in it."""
    score: float
    """By which passages were ranked: the sum of 1 / (60 + rank) by meaning and by words."""
    cosine: float
    """Of its embedding with the question's."""


class Generated(Documented):
    """The answer to one conversation."""

    text: str
    """What the model says, without the token that ends it."""
    finish: Literal["stop", "length"]
    """`stop`: the model ended its answer. `length`: it was cut off."""
    tokens: int
    """Tokens that were generated, with the one that ends the answer."""
    passages: list[Passage] | None = None
    """What the model was asked with, the best first; empty: none was near enough; null: it has none."""


class TextGeneration(ModelTask):
    """An answer to a conversation, or text that goes on; exact match decides, if no other measure is named.

    A row is a conversation (`messages`: role and content) and its answer (`completion`). A single message of
    the role `prompt` is raw text to go on with; a first one of the role `tools` holds function schemas. The
    column `schema`, where the data have it, is a JSON Schema that the completion follows; `rejected` is an
    answer that is worse than the completion, or null.
    """

    name: ClassVar[str] = "text-generation"
    inputs: ClassVar[tuple[str, ...]] = ("messages",)
    targets: ClassVar[tuple[str, ...]] = ("completion",)
    optional: ClassVar[tuple[str, ...]] = ("schema", "rejected")
    asked_with: ClassVar[tuple[str, ...]] = ("schema",)
    rivals: ClassVar[Mapping[str, str]] = {"rejected": "completion"}
    carried_meta: ClassVar[tuple[str, ...]] = ("max_length", "max_new_tokens", "parameters")
    pretrained: ClassVar[bool] = True
    measures: ClassVar = (
        share("exact_match", "exact match", measures.exact),
        share("token_f1", "token F1", measures.token_f1),
        share("rouge_l", "ROUGE-L", measures.rouge_l),
        share("rouge_1", "ROUGE-1", measures.rouge_1),
        share("rouge_2", "ROUGE-2", measures.rouge_2),
        BITS_PER_BYTE,
        PERPLEXITY,
        PREFERRED,
    )
    titles: ClassVar[Mapping[str, str]] = {one.name: one.title for one in SOME_ROWS}
    scope_scores: ClassVar[tuple[str, ...]] = ANSWER_SCORES
    scope_temperature: ClassVar[bool] = False

    route: ClassVar[str] = "generate"
    verb: ClassVar[str] = "Generate"
    response: ClassVar[type[BaseModel]] = Generated
    generative_dialects: ClassVar[tuple[GenerativeDialect, ...]] = (CHAT, COMPLETION)
    short: ClassVar[Row | None] = {"messages": [{"role": "user", "content": "TEXT"}]}
    example: ClassVar[Row] = {"messages": [{"role": "user", "content": "When does the shop open?"}]}

    def check(self, data: Dataset, split: str, rows: Sequence[Row]) -> None:
        """BadRequest for roles out of order, an empty or a doubled answer, a schema that is none."""
        for row in rows:
            if found := problem(row["messages"]) or _target_problem(row):
                raise BadRequest(f"the data's split '{split}', row '{row['id']}': {found}; curate it again.")

    def trivial(self, data: Dataset, *, seed: int) -> Mapping[str, Trivial | LeftOut]:
        """The nearest training row's answer, that with the message's values, and the most frequent one."""
        from slmworks.model_tasks.text_generation import trivial

        return trivial.fit(data)

    def details(
        self, rows: Sequence[Row], answers: Sequence[Answer], model: Model, *, resamples: int, seed: int
    ) -> Details:
        """Valid JSON and groundedness where they make sense; answers that were cut off, and their length."""
        finished = [answer for answer in answers if "finish" in answer]
        content: dict[str, Any] = {}
        if finished:
            cut = sum(answer["finish"] == "length" for answer in finished)
            tokens = sum(answer["tokens"] for answer in finished)
            content = {"cut_off": cut, "tokens": tokens, **_paid(finished)}
        return Details(measures=_of_some_rows(rows, answers, resamples, seed), content=content)

    def agreement(self, wanted: Answer, found: Answer) -> float:
        """1 for the same answer, outer blanks and the layout of JSON apart."""
        return float(measures.same(str(wanted["text"]), str(found["text"])))

    def brief(self, answer: Answer) -> str:
        """The beginning of the text, in one line."""
        return " ".join(str(answer["text"]).split())[:BRIEF]

    def text(self, row: Row) -> str:
        """The last message, in one line."""
        return " ".join(str(row["messages"][-1]["content"]).split())

    def truth(self, row: Row) -> str:
        """The beginning of the completion, in one line."""
        return " ".join(str(row["completion"]).split())[:BRIEF]

    def sections(self, candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Sequence[str]:
        """Every measure, length of answers, and how many were cut off."""
        from slmworks.model_tasks.text_generation import page

        titles = {**{one.name: one.title for one in self.measures}, **self.titles}
        written = {name: self.written(name) for name in titles}
        return (page.answers(candidate, teacher, titles, written),)

    def scope_scores_of(self, model: Model) -> tuple[str, ...]:
        """All but the passages' cosine, for a model without passages."""
        passages = (model.path / RETRIEVAL).exists()
        return tuple(one for one in ANSWER_SCORES if passages or one != RETRIEVAL_SCORE)

    def scope_outputs(
        self, runtime: Runtime
    ) -> "Callable[[Sequence[Row]], Sequence[np.ndarray[Any, Any]]] | None":
        """How sure each answer is, by every score; NaN for one that the model doesn't have."""
        import numpy as np

        if not isinstance(runtime, SureAnswers):
            return None

        def outputs(rows: Sequence[Row]) -> "list[np.ndarray[Any, Any]]":
            found = (sure for _, sure in runtime.sure_answers(rows))
            return [np.array([sure.get(name, np.nan) for name in ANSWER_SCORES]) for sure in found]

        return outputs

    def scope_score(
        self, outputs: "np.ndarray[Any, Any]", score: str, temperature: float
    ) -> "np.ndarray[Any, Any]":
        """A column of the outputs, minus infinity for no answer; there is no temperature."""
        import numpy as np

        if not len(outputs):
            return np.zeros(0)
        found = outputs[:, ANSWER_SCORES.index(score)]
        return np.where(found <= NO_ANSWER, -np.inf, found)

    def fitted_temperature(self, outputs: object, rows: object, model: object) -> float:
        """None that changes anything."""
        return 1.0

    def scope_files(self, model: Model, scope: Scope) -> Mapping[str, str]:
        """`scope.json`."""
        return {SCOPE_FILE: json.dumps(scope.model_dump(), indent=1) + "\n"}

    def counted(self, answer: Answer) -> str:
        """How the answer ended."""
        return str(answer["finish"])


def _target_problem(row: Row) -> str:
    """What is wrong with a row's completion, the rejected one or the schema; empty for nothing."""
    if not str(row["completion"] or "").strip():
        return "its completion is empty"
    if (rejected := row.get("rejected")) is not None:
        if not str(rejected).strip():
            return "its rejected answer is empty"
        if rejected == row["completion"]:
            return "its completion and its rejected answer are equal"
    found = json_answers.schema_problem(row["schema"]) if row.get("schema") else ""
    return f"its schema {found}" if found else ""


def _paid(answers: Sequence[Answer]) -> dict[str, Any]:
    """Tokens that were read, the money that was paid, and what requests took; of a hosted model only."""
    if not all("money" in answer for answer in answers):
        return {}
    read = sum(answer["prompt_tokens"] for answer in answers)
    paid = {"prompt_tokens": read, "money": round(sum(answer["money"] for answer in answers), 6)}
    taken = sorted(answer["seconds"] for answer in answers)
    if not taken[0]:  # answers of an older ledger, which didn't keep it
        return paid
    ends = {f"p{share}": round(1000 * taken[(len(taken) - 1) * share // 100], 1) for share in (50, 95)}
    return {**paid, "request_ms": ends}


def _of_some_rows(
    rows: Sequence[Row], answers: Sequence[Answer], resamples: int, seed: int
) -> dict[str, "Estimate"]:
    """The measures that only some rows have, over those; nothing where none has."""
    from slmworks.evaluate.predictions import counted
    from slmworks.numbers import statistics

    found: dict[str, Estimate] = {}
    for measure in SOME_ROWS:
        counts = counted(measure, rows, answers)
        if len(mine := counts[counts[:, 1] > 0]):
            found[measure.name] = statistics.estimate(mine, measure, resamples=resamples, seed=seed)
    return found
