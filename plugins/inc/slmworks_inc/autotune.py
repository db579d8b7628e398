"""int8 where it does no harm: as many layers as the goal allows, the others stay in fp32.

Every mixture is scored in ONNX Runtime as it would ship. Calibrated on `train`, scored on `validation`,
never on `test`: whether the choice holds is for evaluate and gate to say.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.stage import Task
from slmworks_inc.linear import LinearInt8

if TYPE_CHECKING:
    import numpy as np

    from slmworks_inc.candidates import Candidates
    from slmworks_inc.tuner import Trial

RANKING_ROWS = 64
"""Training texts that layers are ranked with: logits are compared, which says more a row than labels do."""


class IncAutotune(LinearInt8):
    """Keep the fewest layers in fp32 that meet an accuracy goal (Intel Neural Compressor, tuned).

    Method: static int8 as in inc-static; where that loses too much, layers go back to fp32 one after the
    other, the one first whose return brings the logits nearest to the fp32 model's.
    """

    reads: ClassVar = {"calibration": ("train", "validation")}

    drop: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Largest share of the fp32 model's score that may be lost: 0.01 keeps 99 % of it."""
    score: Literal["accuracy", "agreement"] = "accuracy"
    """What is kept: right answers on `validation`, or (stricter) the fp32 model's own answers there."""
    max_trials: PositiveInt = 32
    """Mixtures that are tried at most; each takes one layer more into fp32."""
    score_rows: PositiveInt = 2000
    """Validation rows to score with, drawn at random (by the task's seed) where there are more."""

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Calibrate once, try mixtures until one meets the goal, and write that one."""
        from slmworks_onnx.calibration import calibration_texts
        from slmworks_onnx.export import classifier_meta, require_classifier, write_companions
        from slmworks_onnx.int8 import int8_share

        require_classifier(model)
        texts = calibration_texts(calibration, self.rows, task.seed, plugin="inc-autotune")
        assert calibration is not None
        held_out, labels = self._held_out(calibration, task.seed)
        fp32, int8 = self._calibrated(model, texts, task)
        examples = texts[:RANKING_ROWS]
        reference = fp32.logits(list(fp32.names), [*held_out, *examples])
        answers = reference[: len(held_out)].argmax(axis=1)
        wanted = _positions(model, labels) if self.score == "accuracy" else answers
        baseline = float((answers == wanted).mean())

        def score(kept: tuple[str, ...]) -> float:
            return float((int8.logits(kept, held_out).argmax(axis=1) == wanted).mean())

        def ranked() -> list[str]:
            return int8.ranked(examples, reference[len(held_out) :])

        trials = self._tune(score, ranked, baseline, len(int8.names), task)
        best = self._meeting(trials, baseline)
        target = task.output / "model.onnx"
        int8.write(best.kept, target)
        write_companions(model, task.output)
        share = int8_share(target, sum(part.numel() for part in int8.module.parameters()))
        quantized = {
            "method": "neural-compressor-autotune",
            "weights_int8_share": share,
            "fp32_layers": sorted(best.kept),
        }
        return Model(
            path=task.output,
            format="onnx",
            meta={**classifier_meta(model), "quantized": quantized},
            summary={
                "bytes": target.stat().st_size,
                "weights_int8_share": share,
                "calibration_rows": len(texts),
                "layers": len(int8.names),
                "fp32_layers": len(best.kept),
                "trials": len(trials),
                self.score: round(best.score, 4),
                f"fp32_{self.score}": round(baseline, 4),
            },
        )

    def _held_out(self, calibration: Dataset, seed: int) -> tuple[list[str], list[str]]:
        texts, labels = calibration.columns("validation", "text", "label")
        if not texts:
            raise BadRequest(
                "the calibration data's split 'validation' is empty and inc-autotune scores with it; give "
                "curate a share for it, or use inc-static."
            )
        rows = random.Random(seed).sample(range(len(texts)), min(self.score_rows, len(texts)))
        return [texts[row] for row in rows], [labels[row] for row in rows]

    def _calibrated(self, model: Model, texts: list[str], task: Task) -> tuple["Candidates", "Candidates"]:
        """Give the mixtures with fp32 embeddings, and those with embeddings as they are to ship."""
        from slmworks.model_tasks.text_classification.hf import HfClassifier
        from slmworks_inc.candidates import Candidates
        from slmworks_onnx.export import write_companions
        from slmworks_onnx.int8 import EMBEDDINGS, quantize_weights

        task.progress(0, len(texts), note="load")
        original = HfClassifier(model.path, model.labels, int(model.meta["max_length"]), task.threads)
        folder, linear, int8 = (task.scratch / name for name in ("candidate", "linear.onnx", "int8.onnx"))
        names = self.quantize_linear(original, linear, texts, task)
        folder.mkdir()
        write_companions(model, folder)
        plain = Candidates(linear, names, original.module, folder, task.threads)
        if not self.embeddings:
            return plain, plain
        quantize_weights(linear, int8, operators=EMBEDDINGS, scratch=task.scratch)
        return plain, replace(plain, graph=int8)

    def _tune(
        self,
        score: Callable[[tuple[str, ...]], float],
        ranked: Callable[[], list[str]],
        baseline: float,
        layers: int,
        task: Task,
    ) -> list["Trial"]:
        from slmworks_inc.tuner import walk

        if not baseline:
            raise TaskFailed(
                "quantize: the fp32 model answers no validation row right, so there is no accuracy to keep; "
                "check the labels, or use `score: agreement`."
            )
        goal = self._goal(baseline)
        task.say(f"fp32: {self.score} {baseline:.4f}; int8 must reach {goal:.4f}")
        tried = 0

        def told(kept: tuple[str, ...]) -> float:
            nonlocal tried
            found = score(kept)
            met = "meets the goal" if found >= goal else "misses it"
            what = f"{len(kept)} of {layers} layers in fp32" if kept else "all layers in int8"
            task.say(f"trial {tried + 1}: {what}: {self.score} {found:.4f}, {met}")
            task.log(tried, fp32_layers=len(kept), **{self.score: found})
            tried += 1
            task.progress(tried, self.max_trials, unit="trials", note="tune")
            return found

        def tuned(mixtures: list[tuple[str, ...]], most: int) -> list["Trial"]:
            return walk(
                mixtures,
                told,
                baseline=baseline,
                drop=self.drop,
                max_trials=most,
                observer=self.observer,
            )

        trials = tuned([()], 1)
        if trials[-1].score < goal and self.max_trials > 1:
            task.progress(1, self.max_trials, unit="trials", note="rank layers")
            order = ranked()
            # At least one layer must be in int8, or nothing was quantized.
            trials += tuned([tuple(order[:count]) for count in range(1, layers)], self.max_trials - 1)
        return trials

    def _goal(self, baseline: float) -> float:
        return baseline * (1 - self.drop)

    def _meeting(self, trials: Sequence["Trial"], baseline: float) -> "Trial":
        goal, last = self._goal(baseline), trials[-1]
        if last.score >= goal:
            return last
        best = max(trials, key=lambda trial: trial.score)
        raise TaskFailed(
            f"quantize: none of {len(trials)} mixtures reaches {self.score} {goal:.4f} (fp32 {baseline:.4f} "
            f"less `drop` {self.drop:.1%}); the best, with {len(best.kept)} layers in fp32, has "
            f"{best.score:.4f}. Allow more `drop` or `max_trials`, set `embeddings: false`, or use "
            "onnx-dynamic."
        )


def _positions(model: Model, labels: Sequence[str]) -> "np.ndarray[Any, Any]":
    import numpy as np

    place = {label: position for position, label in enumerate(model.labels)}
    # A label that the model doesn't know is never right.
    return np.array([place.get(label, -1) for label in labels])
