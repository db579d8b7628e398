"""Quality of a model for its model task, measured through the runtime that will serve it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model, Report
from slmworks.contract.model_task import Answer, Details, Measure, ModelTask, Row
from slmworks.contract.runtime import Scoring, in_batches
from slmworks.contract.stage import Task
from slmworks.evaluate import Evaluate, predictions, trivial
from slmworks.evaluate.about import about, model_name
from slmworks.evaluate.answering import Answers
from slmworks.evaluate.comparison import Comparison
from slmworks.evaluate.deciding import deciding, named_measure, require_given, require_scored
from slmworks.evaluate.inputs import judged_rows, model_task_of, require_comparable
from slmworks.evaluate.predictions import Judged
from slmworks.evaluate.scope import Outside, ScopeJudge, joined
from slmworks.numbers import statistics

__all__ = ["Quality"]


class Quality(Evaluate):
    """The measures of the data's model task, also by slice, paired with a baseline row by row.

    Holds no timings, so that the same model gives the same report. 95 % intervals: Wilson (1927) for shares
    of right rows, Bayesian bootstrap (Rubin, 1981) for everything else; a difference of right and wrong
    answers: exact McNemar test (1947).
    """

    max_threads: ClassVar = 1
    predicts: ClassVar = True
    runs_models: ClassVar = True
    # Not the CPU: the last digits of an output differ between processors, answers hardly ever do, and a
    # report should be found again on another machine.
    depends_on: ClassVar = (
        "jsonschema", "onnxruntime", "scikit-learn", "tokenizers", "torch", "transformers", "xllamacpp",
    )  # fmt: skip

    batch_size: PositiveInt = 32
    """Rows that are computed together, sorted by length."""
    measure: str | None = None
    """The measure that decides, here and in all that reads the report: `rouge_l` for summaries. If nothing is
    said the baseline's, or else the model task's first."""
    resamples: PositiveInt = 1000
    """Least number of bootstrap resamples for each interval that has to be drawn."""
    trivial: bool = True
    """Without a baseline: also judge the model task's trivial baselines: what a language model must beat."""
    likelihood: bool = True
    """Also measure how likely the model finds the true answers (perplexity, bits a byte), where its runtime
    says it. It takes one more pass over each row's inputs and truth."""
    splits: Annotated[tuple[Literal["validation", "test"], ...], Field(min_length=1)] = ("validation", "test")
    """The splits to judge. A candidate is chosen on the first and decided on the second, so before a `select`
    step `[validation]` is enough; a gate needs both."""
    slices: bool = True
    """Report the measure that decides for every slice (source, label, …) too."""
    details: bool = True
    """Report what is no sum over rows too (macro-F1 with its interval, calibration, classes, scope): half of
    the time that a report on a small model takes. Probes of `candidates` and `orders` go without."""

    def check_model_task(self, name: str) -> None:
        """OptionError for a measure that can't decide for this model task."""
        if self.measure is not None:
            named_measure(catalog.model_task(name), self.measure, likelihood=self.likelihood)

    def run(self, *, model: Model, baseline: Report | None, data: Dataset, task: Task, **_: object) -> Report:
        """Write `report.json` and `predictions.parquet`."""
        purpose = model_task_of(model, data)
        rows: dict[str, Sequence[Row]] = {split: judged_rows(purpose, data, split) for split in self.splits}
        require_comparable(baseline, purpose, self.splits)
        first = deciding(purpose, self.measure, baseline)
        given = Answers(model, purpose, task, batch_size=self.batch_size)
        scored = self._scored(given, rows)
        require_scored(first, purpose, scored, model)
        answers = self._answers(given, rows, scored, data)
        require_given(first, answers, model)
        scope = ScopeJudge.of(purpose, model, answers, Outside.of(given, data, self.splits), first)
        fits = baseline is None and self.trivial and not first.needs
        free, left_out = self._trivial(purpose, rows, data, task) if fits else ({}, {})
        judged = [
            predictions.judge(purpose, split, rows[split], answers[split],
                              {name: said[split] for name, said in free.items()}, first)
            for split in rows
        ]  # fmt: skip
        predictions.write(task.output, purpose, judged, rows, answers)
        report: dict[str, Any] = {
            "type": "quality",
            "model_task": purpose.name,
            "name": model_name(model),
            "model": about(model),
            "splits": {
                one.split: self._scores(
                    purpose, first, one, rows[one.split], answers[one.split], model, task, scope
                )
                for one in judged
            },
        }
        if first != purpose.measures[0]:
            report["measure"] = first.name
        if free:
            report["trivial"] = {
                name: {
                    split: self._scores(purpose, first, None, some, said[split], model, task)
                    for split, some in rows.items()
                }
                for name, said in free.items()
            }
        if left_out:
            report["trivial_left_out"] = dict(left_out)
        if baseline is not None:
            report |= self._against(report, purpose, first, judged, rows, baseline, task)
        text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
        (task.output / "report.json").write_text(text, encoding="utf-8")
        refs = {"model": model.digest, "data": data.digest}
        if baseline is not None:
            refs["baseline"] = baseline.digest
        meta = {"type": "quality", "task": purpose.in_headers}
        return Report(path=task.output, meta=meta, refs=refs, summary=_summary(first, report["splits"]))

    def _answers(
        self,
        given: Answers,
        rows: Mapping[str, Sequence[Row]],
        scored: Mapping[str, Mapping[str, list[Row]]],
        data: Dataset,
    ) -> dict[str, list[Answer]]:
        total, before = sum(map(len, rows.values())), 0

        def answer(some: Sequence[Row]) -> list[Answer]:
            nonlocal before

            def tell(done: int) -> None:
                given.task.progress(min(before + done, total), total)

            found = given.of(some, tell=tell)
            before += len(some)
            return found

        likely = self._likelihoods(given, scored)
        answers = given.purpose.judged(answer, rows, data)
        return (
            {
                split: [{**one, **more} for one, more in zip(said, likely[split], strict=True)]
                for split, said in answers.items()
            }
            if likely
            else answers
        )

    def _scored(self, given: Answers, rows: Mapping[str, Sequence[Row]]) -> dict[str, dict[str, list[Row]]]:
        """Split -> name in an answer -> rows; nothing where the runtime says no likelihood."""
        if not self.likelihood or not isinstance(given.runtime, Scoring):
            return {}
        return {split: _scored(given.purpose, some) for split, some in rows.items()}

    def _likelihoods(
        self, given: Answers, scored: Mapping[str, Mapping[str, list[Row]]]
    ) -> dict[str, list[Answer]]:
        """What answers get by split."""
        runtime = given.runtime
        if not isinstance(runtime, Scoring):
            return {}
        total, before = sum(len(asked) for one in scored.values() for asked in one.values()), 0
        found: dict[str, list[Answer]] = {}
        for split, named in scored.items():
            columns: dict[str, list[Any]] = {}
            for name, asked in named.items():

                def tell(done: int, before: int = before) -> None:
                    given.task.progress(before + done, total, note="likelihood")

                likely = in_batches(runtime.scored, asked, self.batch_size, longest_first=True, tell=tell)
                columns[name] = [one._asdict() for one in likely]
                before += len(asked)
            found[split] = [
                dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
            ]
        return found

    def _trivial(
        self, purpose: ModelTask, rows: Mapping[str, Sequence[Row]], data: Dataset, task: Task
    ) -> tuple[dict[str, dict[str, list[Answer]]], Mapping[str, str]]:
        """Answers by baseline and split, and why a baseline is left out."""
        task.progress(0, 1, unit="fits", note="trivial baselines")
        fitted, left_out = trivial.fit(purpose, data, task)
        found = {name: purpose.judged(one.answer, rows, data) for name, one in fitted.items()}
        task.progress(1, 1, unit="fits", note="trivial baselines")
        return found, left_out

    def _scores(
        self,
        purpose: ModelTask,
        first: Measure,
        judged: Judged | None,
        rows: Sequence[Row],
        answers: Sequence[Answer],
        model: Model,
        task: Task,
        scope: ScopeJudge | None = None,
    ) -> dict[str, Any]:
        """What a report says of one split; slices and details only of a model that was `judged`."""
        drawn = {"resamples": self.resamples, "seed": task.seed}
        details = purpose.details(rows, answers, model, **drawn) if self.details else Details()
        if judged and scope and self.details:
            details = joined(details, scope.details(judged.split, rows, answers, **drawn))
        counts = judged.counts if judged else predictions.counts(purpose, rows, answers)
        measured = {
            measure.name: statistics.estimate(
                counts[measure.name], measure, resamples=self.resamples, seed=task.seed
            )
            for measure in purpose.measures
            if measure.name in counts
        }
        found: dict[str, Any] = {
            "n": len(rows),
            "measures": {name: one.rounded() for name, one in {**measured, **details.measures}.items()},
        }
        if judged is None:
            return found
        found |= {"limits": dict(details.limits), "details": dict(details.content)}
        found["details"] |= self._truncation(purpose, judged.split, rows, model, task)
        if self.slices:
            found["slices"] = list(_slices(first, judged))
        return found

    def _truncation(
        self, purpose: ModelTask, split: str, rows: Sequence[Row], model: Model, task: Task
    ) -> dict[str, Any]:
        """What the model doesn't read of a split's texts: nothing where it reads all."""
        cut = purpose.truncation(rows, model)
        if warning := cut.warning(split):
            task.say(warning)
        return {"truncation": cut.shares} if cut.shares else {}

    def _against(
        self,
        report: Mapping[str, Any],
        purpose: ModelTask,
        first: Measure,
        judged: Sequence[Judged],
        rows: Mapping[str, Sequence[Row]],
        baseline: Report,
        task: Task,
    ) -> dict[str, Any]:
        found: dict[str, Any] = {
            "baseline": {"model": baseline.refs["model"], "name": baseline.read()["name"]}
        }
        resamples = max(self.resamples, statistics.DRAWS)
        for one in judged:
            both, *others = _comparisons(purpose, first, one, predictions.read(baseline.path, one.split))
            against = both.numbers(resamples=resamples, seed=task.seed)
            further = {
                other.measure.name: change
                for other in others
                if (change := other.change(resamples=resamples, seed=task.seed))
            }
            report["splits"][one.split]["against"] = against | ({"further": further} if further else {})
            if one.split == "test":
                found["examples"] = both.examples([purpose.text(row) for row in rows["test"]])
        return found


def _scored(purpose: ModelTask, rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Name in an answer -> rows whose truth is scored: their own, and what stands beside it in every row."""
    columns = (*purpose.inputs, *purpose.targets)
    found: dict[str, list[Row]] = {"likelihood": [{name: row[name] for name in columns} for row in rows]}
    for rival, target in purpose.rivals.items():
        if all(row.get(rival) for row in rows):
            pairs = zip(found["likelihood"], rows, strict=True)
            found[rival] = [{**asked, target: row[rival]} for asked, row in pairs]
    return found


def _comparisons(purpose: ModelTask, first: Measure, ours: Judged, theirs: Judged) -> list[Comparison]:
    """Our answers beside theirs by every measure, the deciding one first."""
    others = [one for one in purpose.measures if one != first]
    both = Comparison.of(ours, theirs, first)
    return [both, *(replace(both, measure=other) for other in others)]


def _slices(first: Measure, judged: Judged) -> Any:
    """The deciding measure with its interval for every slice of more than one value."""
    both = Comparison(judged, judged, first)
    for kind, value, mine in both.slices():
        estimate = statistics.estimate(judged.counts[first.name][mine], first, fine=False)
        yield {"kind": kind, "value": value, "n": len(mine), first.name: estimate.rounded()}


def _summary(deciding: Measure, splits: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of the split test, and the deciding measure on validation; without test all of validation."""
    first, validation = deciding.name, splits.get("validation")
    shown, prefix = (splits["test"], "") if "test" in splits else (splits["validation"], "validation_")
    found: dict[str, Any] = {prefix + name: round(one["value"], 4) for name, one in shown["measures"].items()}
    found["n"] = shown["n"]
    if validation:
        found[f"validation_{first}"] = round(validation["measures"][first]["value"], 4)
    found |= shown["details"].get("truncation", {})
    if against := shown.get("against"):
        found[f"{prefix}kept"] = round(against["retention"]["value"], 4)
        if "bound" in against["retention"]:
            found[f"{prefix}kept_at_least"] = round(against["retention"]["bound"], 4)
    return found
