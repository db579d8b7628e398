"""A language model as the judge of two models' answers, or of a model's answers beside the true ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from slmworks.contract.artifact import Dataset, Model, Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Settings
from slmworks.contract.ledger import Cost
from slmworks.contract.model_task import Answer, ModelTask, Row
from slmworks.contract.stage import Task
from slmworks.evaluate import Evaluate, judge_report, predictions, verdicts
from slmworks.evaluate.about import about, model_name
from slmworks.evaluate.answering import Answers
from slmworks.evaluate.inputs import judged_rows, model_task_of, require_comparable
from slmworks.evaluate.predictions import Judged
from slmworks.evaluate.sampled_rows import sampled
from slmworks.evaluate.verdicts import Pair
from slmworks.model_tasks.text_generation import judge_prompt
from slmworks.numbers import statistics
from slmworks.teachers.ask import Budget, Question, Written, ask
from slmworks.teachers.writers import MODEL_TASK, require_writer

__all__ = ["Judge"]

BATCH = 32
"""Rows that the model answers together, as `quality` does."""
TRUTH = "the true answers"


class Judge(Evaluate):
    """Let a language model say which of two answers is better, from both places.

    The model's answers stand beside those of the baseline's report, or beside the true ones without a
    baseline. Each pair is asked about twice, with the places swapped, greedily (Zheng et al., 2023); verdicts
    that contradict each other are a tie. A judge's win rate is an opinion: a gate takes it only as a further
    requirement. What the judge has said is kept in its ledger, and not asked again.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"judge"})
    model_tasks: ClassVar[tuple[str, ...]] = (MODEL_TASK,)
    runs_models: ClassVar = True
    depends_on: ClassVar = ("tokenizers", "torch", "transformers", "xllamacpp")

    criteria: Annotated[str, Field(min_length=1)] = judge_prompt.CRITERIA
    """What makes an answer better, in words for the judge."""
    split: Literal["validation", "test"] = "test"
    """The rows that are judged."""
    rows: PositiveInt | None = None
    """Judge at most this many rows, drawn by the seed."""
    grammar: Literal["schema", "none"] = "schema"
    """`schema`: a verdict is held to its JSON Schema, token by token; `none` for judges that can't be: then
    other answers are counted as unread."""
    max_new_tokens: PositiveInt = 32
    """Tokens of a verdict."""
    budget: Budget = Budget()
    """The most that the judge may cost, runs before included."""
    resamples: PositiveInt = statistics.DRAWS
    """Bootstrap resamples of an interval that has to be drawn."""

    def run(
        self,
        *,
        model: Model,
        baseline: Report | None,
        judge: Model | None,
        data: Dataset,
        task: Task,
        **_: object,
    ) -> Report:
        """Write `report.json`, and `verdicts.parquet` with the two verdicts on each row."""
        assert judge is not None  # the stage's port is optional, and this plugin needs it
        purpose = self._checked(model, baseline, judge, data)
        rows: list[Row] = sampled(judged_rows(purpose, data, self.split), self.rows, task.seed)
        theirs = _theirs(purpose, rows, baseline, self.split)
        ours = _ours(purpose, rows, model, self.split, task)
        found = self._judged(rows, ours, theirs, judge, task)
        pairs = found.pairs
        report = {
            "type": "judge",
            "model_task": purpose.name,
            "name": model_name(model),
            "model": about(model),
            "judge": {"name": model_name(judge), "digest": judge.digest},
            "against": _against(baseline),
            "criteria": self.criteria.strip(),
            "split": self.split,
            **self._numbers(pairs, ours.judged, theirs.judged, purpose, task.seed),
            "cost": found.cost.dump(),
            "examples": _examples(purpose, rows, ours.judged, theirs.judged, pairs),
        }
        judge_report.write(task.output, report, pairs)
        refs = {"model": model.digest, "data": data.digest, "judge": judge.digest}
        if baseline is not None:
            refs["baseline"] = baseline.digest
        meta = {"type": "judge", "task": purpose.in_headers}
        return Report(path=task.output, meta=meta, refs=refs, summary=_summary(report))

    def _checked(self, model: Model, baseline: Report | None, judge: Model, data: Dataset) -> ModelTask:
        purpose = model_task_of(model, data)
        if purpose.name != MODEL_TASK:
            raise BadRequest(
                f"a judge compares texts, and this model is for {purpose.name}; evaluate it with quality."
            )
        require_writer(judge, "judge")
        require_comparable(baseline, purpose, (self.split,))
        if judge.digest in (model.digest, baseline and baseline.refs["model"]):
            raise BadRequest(
                "judge: it would judge answers of its own, and models prefer these; give `judge` another "
                "model."
            )
        return purpose

    def _judged(
        self, rows: Sequence[Row], ours: "_Side", theirs: "_Side", judge: Model, task: Task
    ) -> "_Judged":
        """The judge's verdicts on all pairs; nobody is asked about answers that are the same text."""
        schema = judge_prompt.SCHEMA if self.grammar == "schema" else ""
        settings = Settings(max_tokens=self.max_new_tokens, schema=schema)
        texts = [(str(a["text"]), str(b["text"])) for a, b in zip(ours.answers, theirs.answers, strict=True)]
        asked: list[Question] = []
        for row, (our, their) in zip(rows, texts, strict=True):
            if our.strip() != their.strip():
                asked += [
                    judge_prompt.question(row, *shown, self.criteria, settings)
                    for shown in ((our, their), (their, our))
                ]
        said = ask(judge, asked, task, budget=self.budget, role="judge")
        read = iter([judge_prompt.verdict_of(one.text) if one else None for one in said])
        pairs = [
            Pair(str(row["id"]), None, None, same=True)
            if our.strip() == their.strip()
            else Pair(str(row["id"]), next(read), next(read))
            for row, (our, their) in zip(rows, texts, strict=True)
        ]
        self._require_read(pairs, said)
        return _Judged(pairs, _cost(asked, said))

    def _require_read(self, pairs: Sequence[Pair], said: Sequence[Written | None]) -> None:
        """BadRequest where no verdict could be read."""
        if any(one.outcome != "unread" for one in pairs):
            return
        first = next((one.text for one in said if one), None)
        if first is None:
            raise BadRequest(
                "judge: it could answer no pair; give one with a longer context, or, if it can't follow a "
                "schema, set grammar: none."
            )
        raise BadRequest(
            f"judge: no verdict could be read from {len(said)} answers (the first: {first[:60]!r}); raise "
            "max_new_tokens, or give a judge that follows instructions or a schema."
        )

    def _numbers(
        self, pairs: Sequence[Pair], ours: Judged, theirs: Judged, purpose: ModelTask, seed: int
    ) -> dict[str, Any]:
        first = purpose.measures[0].name
        right = {
            row: (bool(a), bool(b))
            for row, a, b in zip(ours.ids, ours.counts[first][:, 0], theirs.counts[first][:, 0], strict=True)
        }
        outcomes = [one.outcome for one in pairs]
        rate = verdicts.win_rate(pairs, resamples=self.resamples, seed=seed)
        return {
            "n": len(pairs),
            "wins": outcomes.count("win"),
            "ties": outcomes.count("tie"),
            "losses": outcomes.count("loss"),
            "unread": outcomes.count("unread"),
            "same": sum(one.same for one in pairs),
            "win_rate": rate.estimate.rounded(),
            "position_bias": verdicts.bias(pairs),
            "agreement": {"measure": first, **verdicts.agreement(pairs, right)},
        }


@dataclass(frozen=True)
class _Side:
    """Answers to the rows, and what they add to the measures."""

    answers: list[Answer]
    judged: Judged


@dataclass(frozen=True)
class _Judged:
    pairs: list[Pair]
    cost: Cost


def _ours(purpose: ModelTask, rows: Sequence[Row], model: Model, split: str, task: Task) -> _Side:
    def tell(done: int) -> None:
        task.progress(done, len(rows), note="answering")

    answers = Answers(model, purpose, task, batch_size=BATCH).of(rows, tell=tell)
    return _Side(answers, predictions.judge(purpose, split, rows, answers, {}, purpose.measures[0]))


def _theirs(purpose: ModelTask, rows: Sequence[Row], baseline: Report | None, split: str) -> _Side:
    """The baseline's answers, or the true ones; BadRequest where it was measured on other rows."""
    truth: list[Answer] = [{"text": row["completion"]} for row in rows]
    right = predictions.judge(purpose, split, rows, truth, {}, purpose.measures[0])
    if baseline is None:
        return _Side(truth, right)
    said, judged = predictions.answers(baseline.path, split), predictions.read(baseline.path, split)
    mine = set(right.ids)
    places = [place for place, row in enumerate(judged.ids) if row in mine]
    theirs = predictions.paired(right, judged.taken(places))
    return _Side([said[row] for row in theirs.ids], theirs)


def _cost(asked: Sequence[Question], said: Sequence[Written | None]) -> Cost:
    """What these answers cost, each counted once, whichever task paid for it."""
    found = {one.key: written.cost for one, written in zip(asked, said, strict=True) if written}
    return sum(found.values(), Cost())


def _against(baseline: Report | None) -> dict[str, str]:
    if baseline is None:
        return {"name": TRUTH}
    return {"name": str(baseline.read()["name"]), "digest": baseline.refs["model"]}


def _examples(
    purpose: ModelTask, rows: Sequence[Row], ours: Judged, theirs: Judged, pairs: Sequence[Pair]
) -> dict[str, list[dict[str, str]]]:
    """A few rows that were won, and a few that were lost."""
    found: dict[str, list[dict[str, str]]] = {"win": [], "loss": []}
    for place, one in enumerate(pairs):
        shown = found.get(one.outcome)
        if shown is not None and len(shown) < judge_report.EXAMPLES:
            shown.append(
                {
                    "id": one.id,
                    "text": purpose.text(rows[place]),
                    "truth": ours.truth[place],
                    "ours": ours.brief[place],
                    "theirs": theirs.brief[place],
                }
            )
    return found


def _summary(report: Mapping[str, Any]) -> dict[str, Any]:
    found = {"win_rate": round(report["win_rate"]["value"], 4)}
    found |= {name: report[name] for name in ("n", "wins", "ties", "losses", "unread")}
    bias, agree = report["position_bias"], report["agreement"]
    found |= {"flipped": round(bias["value"], 4)} if bias["n"] else {}
    found |= {"agreement": round(agree["value"], 4)} if agree["n"] else {}
    return found | {f"judge_{name}": value for name, value in report["cost"].items()}
