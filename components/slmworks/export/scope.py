"""Scope: the threshold below which a model says that a question is not one that it was made for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.linked_files import hand_on
from slmworks.contract.model_task import ModelTask, Row, require_same_meta
from slmworks.contract.options import OptionError
from slmworks.contract.runtime import in_batches, inputs_of, open_runtime
from slmworks.contract.scope import META, SPLITS, Scope, Scoping
from slmworks.contract.stage import Task
from slmworks.export import Export
from slmworks.numbers import figures, selective

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

VALIDATION = "validation"


class ChooseScope(Export):
    """Choose on validation below which score a model declines, and write it into the model's files.

    Of classifiers energy (Liu et al., 2020), largest probability (Hendrycks & Gimpel, 2017) or largest logit
    (Hendrycks et al., 2022); of generators the mean log-probability of an answer (Malinin & Gales, 2021), the
    share of its words that its sources have (Adlakha et al., 2024), or the best passage's cosine. Threshold
    by split conformal prediction (Papadopoulos et al., 2002), temperature by Guo et al. (2017). The last step
    before `evaluate`: the scores are those of the very file that ships, so what quantization did to them is
    in the threshold. Its network stays as it is.
    """

    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("gguf", "hf", "onnx")}
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"calibration": (VALIDATION, SPLITS[VALIDATION])}
    needs: ClassVar[frozenset[str]] = frozenset({"calibration"})
    runs_models: ClassVar[bool] = True
    max_threads: ClassVar[int | None] = 1
    depends_on: ClassVar[tuple[str, ...]] = (
        "jinja2",
        "numpy",
        "onnxruntime",
        "scikit-learn",
        "tokenizers",
        "torch",
        "transformers",
        "xllamacpp",
    )

    score: (
        Literal["energy", "max-softmax", "max-logit", "mean-logprob", "groundedness", "retrieval", "best"]
        | None
    ) = None
    """What the threshold is for; if not given, `energy` of a classifier, `mean-logprob` of a generator.
    `best`: the one that tells validation from its out-of-scope rows best."""
    in_scope_recall: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    """Share of in-scope questions that are kept."""
    temperature: PositiveFloat | Literal["fitted"] = 1.0
    """By which logits are divided, for the score and for the probabilities of the answers. `fitted`: that of
    the least log loss on validation, so that probabilities can be believed."""
    batch_size: PositiveInt = 32
    """Rows that are computed together, sorted by length, as `evaluate` does."""

    def check_model_task(self, name: str) -> None:
        """OptionError for a model task without scores, a score that it lacks, a temperature that is none."""
        purpose = catalog.model_task(name)
        if not isinstance(purpose, Scoping):
            raise OptionError((), _no_score(purpose.name))
        if self.score not in (None, "best", *purpose.scope_scores):
            has = ", ".join(purpose.scope_scores)
            raise OptionError(("score",), f"{purpose.name} has no score '{self.score}'; it has {has}.")
        if self.temperature != 1.0 and not purpose.scope_temperature:
            raise OptionError(("temperature",), f"{purpose.name} has no temperature of scope; leave it out.")

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Hand the model on, with `scope` in its `meta` and in the files that its runtime reads."""
        import numpy as np

        data = _given(calibration)
        if not model.model_task:
            raise BadRequest(_no_score("a model without a task"))
        self.check_model_task(model.model_task)
        purpose = catalog.model_task(model.model_task)
        assert isinstance(purpose, Scoping)
        if self.score not in (None, "best", *purpose.scope_scores_of(model)):
            raise BadRequest(
                f"this model has no score '{self.score}': only one that is asked with passages has "
                "(finetune/retrieval-augmented); choose another."
            )
        require_same_meta(purpose, model, data)
        outside_split = SPLITS[VALIDATION]
        if self.score == "best" and outside_split not in data.splits:
            raise BadRequest(
                f"score: best needs out-of-scope rows, and the data have no split '{outside_split}'; name "
                "them in the curate step (out_of_scope), or choose a score."
            )
        rows = _rows(purpose, data, VALIDATION, *purpose.targets)
        needed = selective.rows_for(self.in_scope_recall)
        if len(rows) < needed:
            raise BadRequest(
                f"{len(rows)} rows of validation are too few to choose what keeps "
                f"{figures.requirement(self.in_scope_recall)} of the questions in scope: it takes {needed}; "
                "give more, or lower in_scope_recall."
            )
        purpose.check(data, VALIDATION, rows)
        strange = _rows(purpose, data, outside_split) if outside_split in data.splits else []
        outputs, others = self._outputs(model, purpose, [rows, strange], task)
        temperature = (
            purpose.fitted_temperature(outputs, rows, model)
            if self.temperature == "fitted"
            else float(self.temperature)
        )
        score = self._chosen(purpose, model, outputs, others, temperature)
        sure = purpose.scope_score(outputs, score, temperature)
        threshold = selective.threshold(sure, self.in_scope_recall)
        if np.isneginf(threshold):
            raise BadRequest(
                f"the model gives no answer of its own to {figures.percent(float(np.isneginf(sure).mean()))} "
                f"of validation ({len(rows)} rows), so no threshold is sure to keep "
                f"{figures.requirement(self.in_scope_recall)}; lower in_scope_recall, or the model's own bar "
                "(`least` of finetune/retrieval-augmented)."
            )
        scope = Scope(
            score=score,
            threshold=threshold,
            temperature=temperature,
            in_scope_recall=self.in_scope_recall,
            rows=len(rows),
        )
        files = purpose.scope_files(model, scope)
        hand_on(model.path, task.output, without=tuple(files))
        for name, text in files.items():
            (task.output / name).write_text(text, encoding="utf-8")
        found: dict[str, Any] = {"in_scope_recall": round(float((sure >= scope.threshold).mean()), 4)}
        if len(others):
            against = purpose.scope_score(others, score, temperature)
            found["out_of_scope_recall"] = round(float((against < scope.threshold).mean()), 4)
            found["out_of_scope_auroc"] = round(selective.auroc(sure, against).value, 4)
        task.say(_sentence(scope, found, len(others)))
        return Model(
            path=task.output,
            format=model.format,
            meta={**model.meta, META: scope.model_dump()},
            summary={"score": score, "threshold": scope.threshold, "temperature": temperature, **found},
        )

    def _outputs(
        self, model: Model, purpose: ModelTask, splits: list[list[Row]], task: Task
    ) -> "tuple[Array, Array]":
        """What scores are computed from, for the rows of both splits, [rows, width]."""
        import numpy as np

        assert isinstance(purpose, Scoping)
        runtime = open_runtime(model, threads=task.threads)
        outputs = purpose.scope_outputs(runtime)
        if outputs is None:
            raise BadRequest(
                f"{purpose.name} models of format '{model.format}' have no scores: their runtime, "
                f"{type(runtime).__name__}, gives nothing to compute one from."
            )
        total, found = sum(map(len, splits)), []
        for before, rows in zip((0, len(splits[0])), splits, strict=True):

            def tell(done: int, before: int = before) -> None:
                task.progress(before + done, total)

            asked = inputs_of(purpose, rows)
            each = in_batches(outputs, asked, self.batch_size, longest_first=True, tell=tell)
            found.append(np.stack(each) if each else np.zeros((0, 0), np.float32))
        return found[0], found[1]

    def _chosen(
        self, purpose: Scoping, model: Model, outputs: "Array", others: "Array", temperature: float
    ) -> str:
        """The score of the options, or the one with the largest AUROC of those that the model has."""
        if self.score != "best":
            return self.score or purpose.scope_scores[0]

        def told_apart(score: str) -> float:
            inside, outside = (purpose.scope_score(one, score, temperature) for one in (outputs, others))
            return selective.auroc(inside, outside).value

        return max(purpose.scope_scores_of(model), key=told_apart)


def _no_score(whose: str) -> str:
    return f"{whose} has no score of scope; leave this step out, or give it a classifier or a generator."


def _given(calibration: Dataset | None) -> Dataset:
    assert calibration is not None  # the port is among `needs`
    return calibration


def _rows(purpose: ModelTask, data: Dataset, split: str, *targets: str) -> list[Row]:
    further = [name for name in purpose.asked_with if data.has(split, name)]
    return list(data.rows(split, "id", *purpose.inputs, *targets, *further))


def _sentence(scope: Scope, found: Mapping[str, Any], others: int) -> str:
    kept = figures.percent(found["in_scope_recall"])
    words = f"in scope from {scope.score} {scope.threshold:.4g}: keeps {kept} of validation"
    if others:
        declined = figures.percent(found["out_of_scope_recall"])
        words += f", declines {declined} of {figures.count(others)} out-of-scope rows"
    return words
