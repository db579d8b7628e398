"""int8 where it does no harm: as many layers as the goal allows, the others stay in fp32.

Every mixture is scored in ONNX Runtime as it would ship. Calibrated on `train`, scored on `validation`,
never on `test`: whether the choice holds is for evaluate and gate to say.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.model_task import ModelTask, Row
from slmworks.contract.stage import Task
from slmworks_inc.linear import LinearInt8

if TYPE_CHECKING:
    from slmworks_inc.candidates import Candidates
    from slmworks_inc.scores import Scorer
    from slmworks_inc.tuner import Trial

RANKING_ROWS = 64
"""Training texts that layers are ranked with: outputs are compared, which tell more a row than answers."""


class IncAutotune(LinearInt8):
    """Keep the fewest layers in fp32 that meet a goal of quality (Intel Neural Compressor, tuned).

    Method: static int8 as in inc-static; where that loses too much, layers go back to fp32 one after the
    other, the one first whose return brings the outputs nearest to the fp32 model's.
    """

    reads: ClassVar = {"calibration": ("train", "validation")}

    drop: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Largest share of the fp32 model's score that may be lost: 0.01 keeps 99 % of it."""
    score: Literal["measure", "agreement"] = "measure"
    """Score on `validation` that is kept: the measure that decides for the model task (accuracy, nDCG@10), or
    (stricter) the agreement with the fp32 model's own answers."""
    max_trials: PositiveInt = 32
    """Mixtures that are tried at most; each takes one layer more into fp32."""
    score_rows: PositiveInt = 2000
    """Validation rows to score with, drawn at random (by the task's seed) where there are more."""

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Calibrate once, try mixtures until one meets the goal, and write that one."""
        from slmworks_inc import scores
        from slmworks_onnx import onnx_folder, trial
        from slmworks_onnx.calibration import calibration_rows
        from slmworks_onnx.int8 import shares

        purpose = onnx_folder.model_task_of(model)
        rows = calibration_rows(calibration, purpose, self.rows, task.seed, plugin="inc-autotune")
        assert calibration is not None
        held_out = self._held_out(calibration, purpose, task.seed)
        measured = scores.by_measure(purpose, held_out, calibration) if self.score == "measure" else None
        fp32, int8 = self._calibrated(model, rows, task)
        best, summary = self._choose(fp32, int8, held_out, rows[:RANKING_ROWS], measured, purpose, task)
        target = task.output / "model.onnx"
        int8.write(best.kept, target)
        onnx_folder.write_companions(model, task.output)
        trial.require_answers(model, task.output, threads=task.threads)
        share = shares(target, sum(part.numel() for part in int8.module.parameters()))
        quantized = {
            "method": "neural-compressor-autotune",
            **share,
            "fp32_layers": sorted(best.kept),
        }
        return Model(
            path=task.output,
            format="onnx",
            meta={**onnx_folder.carry_meta(model), "quantized": quantized},
            summary={
                "bytes": target.stat().st_size,
                **share,
                "calibration_rows": len(rows),
                "layers": len(int8.names),
                **summary,
            },
        )

    def _held_out(self, calibration: Dataset, purpose: ModelTask, seed: int) -> list[Row]:
        """Rows of `validation` with the model task's inputs and targets."""
        rows = calibration.rows("validation", "id", "source", *purpose.inputs, *purpose.targets)
        if not rows:
            raise BadRequest(
                "the calibration data's split 'validation' is empty and inc-autotune scores with it; give "
                "curate a share for it, or use inc-static."
            )
        return list(random.Random(seed).sample(rows, min(self.score_rows, len(rows))))

    def _calibrated(self, model: Model, rows: Sequence[Row], task: Task) -> tuple["Candidates", "Candidates"]:
        """The mixtures with fp32 embeddings, and those with embeddings as they are to ship."""
        from slmworks_inc.candidates import Candidates
        from slmworks_onnx import onnx_folder
        from slmworks_onnx.int8 import EMBEDDINGS, quantize_weights

        task.progress(0, len(rows), note="load")
        original = onnx_folder.open_network(model, threads=task.threads)
        folder, linear, int8 = (task.scratch / name for name in ("candidate", "linear.onnx", "int8.onnx"))
        names = self.quantize_linear(original, linear, rows, task)
        folder.mkdir()
        onnx_folder.write_companions(model, folder)
        candidate = onnx_folder.in_folder(model, folder)
        plain = Candidates(linear, names, original.module, candidate, task.threads)
        if not self.embeddings:
            return plain, plain
        quantize_weights(linear, int8, operators=EMBEDDINGS, scratch=task.scratch)
        return plain, replace(plain, graph=int8)

    def _choose(
        self,
        fp32: "Candidates",
        int8: "Candidates",
        held_out: Sequence[Row],
        examples: Sequence[Row],
        measured: "Scorer | None",
        purpose: ModelTask,
        task: Task,
    ) -> tuple["Trial", dict[str, float]]:
        """The first mixture that meets the goal, and numbers of the search."""
        from slmworks.contract.runtime import outputs_all
        from slmworks_inc import scores

        reference = fp32.open(list(fp32.names))
        scorer = measured or scores.by_agreement(purpose, held_out, reference)
        baseline = scorer.of(reference)

        def ranked() -> list[str]:
            return int8.ranked(examples, outputs_all(reference, examples))

        trials = self._tune(scorer, int8, ranked, baseline, task)
        best = self._meeting(trials, scorer.name, baseline)
        return best, {
            "fp32_layers": len(best.kept),
            "trials": len(trials),
            scorer.name: round(best.score, 4),
            f"fp32_{scorer.name}": round(baseline, 4),
        }

    def _tune(
        self,
        scorer: "Scorer",
        int8: "Candidates",
        ranked: Callable[[], list[str]],
        baseline: float,
        task: Task,
    ) -> list["Trial"]:
        from slmworks_inc.tuner import walk

        if not baseline:
            raise TaskFailed(
                f"quantize: the fp32 model's {scorer.name} on `validation` is 0, so there is none to keep; "
                "check the data, or use `score: agreement`."
            )
        name, layers, goal = scorer.name, len(int8.names), self._goal(baseline)
        task.say(f"fp32: {name} {baseline:.4f}; int8 must reach {goal:.4f}")
        tried = 0

        def score(kept: tuple[str, ...]) -> float:
            nonlocal tried
            found = scorer.of(int8.open(kept))
            met = "meets the goal" if found >= goal else "misses it"
            what = f"{len(kept)} of {layers} layers in fp32" if kept else "all layers in int8"
            task.say(f"trial {tried + 1}: {what}: {name} {found:.4f}, {met}")
            task.log(tried, fp32_layers=len(kept), **{name: found})
            tried += 1
            task.progress(tried, self.max_trials, unit="trials", note="tune")
            return found

        def tuned(mixtures: list[tuple[str, ...]], most: int) -> list["Trial"]:
            return walk(
                mixtures,
                score,
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

    def _meeting(self, trials: Sequence["Trial"], name: str, baseline: float) -> "Trial":
        goal, last = self._goal(baseline), trials[-1]
        if last.score >= goal:
            return last
        best = max(trials, key=lambda trial: trial.score)
        raise TaskFailed(
            f"quantize: none of {len(trials)} mixtures reaches {name} {goal:.4f} (fp32 {baseline:.4f} "
            f"less `drop` {self.drop:.1%}); the best, with {len(best.kept)} layers in fp32, has "
            f"{best.score:.4f}. Allow more `drop` or `max_trials`, set `embeddings: false`, or use "
            "onnx-dynamic."
        )
