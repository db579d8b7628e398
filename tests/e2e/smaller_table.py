"""Families x steps that make a classifier smaller, from fine-tuning to a release that is served, as a table for the docs.

    make families                             # the second of its two tables
    python tests/e2e/smaller_table.py bert albert   # some of them, on the terminal

As in family_table.py, a family that was tried with the same code and packages isn't tried again.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = map(str, (HERE, HERE.parent))

# ruff: noqa: E402 - a script, whose neighbours are looked for
from family_lane import Cell, Cells, Lane, attempt
from family_table import MORE, NAMES, PACKAGES, apart, served

PRUNED = ("layers", "width", "wanda")
STEPS = ("finetune", *PRUNED, "heal", "svd", "int8", "evaluate", "serve")


def plugins() -> dict[str, Any]:
    """Step -> its plugin, with options for a network of 32 wide layers and a few hundred texts."""
    from slmworks.evaluate.quality import Quality
    from slmworks_onnx.dynamic import OnnxDynamic
    from slmworks_torch.classifier import FinetuneClassifier
    from slmworks_torch.compression.prune_layers import PruneLayers
    from slmworks_torch.compression.prune_width import PruneWidth
    from slmworks_torch.compression.svd import SvdFactorize
    from slmworks_torch.compression.unstructured import Wanda
    from slmworks_torch.logit_kd import LogitKD

    quick = {"epochs": 6, "batch_size": 16, "learning_rate": 1e-3}
    return {
        "finetune": FinetuneClassifier(**quick, max_length=32),
        "layers": PruneLayers(keep=2, rows=32),
        "width": PruneWidth(ffn=32, rows=32),
        "wanda": Wanda(pattern="2:4", rows=32),
        "heal": LogitKD(**quick, vocabulary="keep"),
        "svd": SvdFactorize(method="whiten", budget=0.9, multiple=4, rows=32),
        "int8": OnnxDynamic(),
        "evaluate": Quality(trivial=False, slices=False),
    }


def tried(family: str) -> Cells:
    """What every step makes of the family."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory(prefix=f"{family}-") as named:
        return Trial(family, Path(named)).cells()


class Trial:
    """One family on its way through the steps."""

    def __init__(self, family: str, folder: Path) -> None:
        import families
        from conftest import reviews
        from slmworks.testing import Bench

        for name in ("data", "base"):
            (folder / name).mkdir()
        self.data, self.base = reviews(folder / "data"), families.write(family, folder / "base")
        self.texts = [*self.data.columns("test", "text")[0], *MORE]
        self.folder, self.bench, self.steps = folder, Bench(folder), plugins()
        self.found: Cells = {}

    def cells(self) -> Cells:
        """All steps, one after the other."""
        teacher = self._make("finetune", self.alone, model=self.base, data=self.data)
        if teacher is None:
            return self.found
        pruned = {step: self._make(step, self.left, model=teacher, data=self.data) for step in PRUNED}
        smaller = pruned["layers"] or pruned["width"]
        if smaller:
            smaller = self._make("heal", self.alone, teacher=teacher, student=smaller, data=self.data)
        smaller = smaller or teacher
        smaller = self._make("svd", self.left, model=smaller, data=self.data) or smaller
        int8 = self._make("int8", lambda made: self.beside(made, smaller), model=smaller, calibration=None)
        if int8:
            self.found["evaluate"] = attempt(lambda: self.judged(int8, teacher))
            self.found["serve"] = attempt(
                lambda: Cell("right", served(int8, self.folder / "release", self.texts))
            )
        return self.found

    def _make(self, step: str, measure: Callable[[Any], Cell], **given: Any) -> Any:
        """The step's model, measured; None where the family is refused."""
        made = []

        def run() -> Cell:
            made.append(self.bench.keep(self.steps[step].run(**given, task=self.bench.task(step))))
            return measure(made[0])

        self.found[step] = attempt(run)
        return made[0] if self.found[step].word == "right" else None

    def beside(self, made: Any, of: Any) -> Cell:
        """Largest difference of a probability, of texts alone and all together from those of another model."""
        return Cell("right", apart(made, of, self.texts))

    def alone(self, made: Any) -> Cell:
        """Largest difference of a probability, of texts alone from all together."""
        return self.beside(made, made)

    def left(self, made: Any) -> Cell:
        """The same, and the share of the weights that stays, or isn't zero."""
        said = made.summary
        share = (
            1 - said["zero_share"] if "zero_share" in said else said["parameters"] / said["parameters_before"]
        )
        return Cell("right", self.alone(made).by, f"({share:.0%})")

    def judged(self, made: Any, teacher: Any) -> Cell:
        """Accuracy on the test split of what is released, and of the teacher."""
        ours, theirs = (
            self.steps["evaluate"].run(
                model=model, baseline=None, data=self.data, task=self.bench.task(f"evaluate-{number}")
            )
            for number, model in enumerate((made, teacher))
        )
        return Cell("right", says=f"{ours.summary['accuracy']:.2f} of {theirs.summary['accuracy']:.2f}")


LANE = Lane(
    heading="Classifiers made smaller",
    about=(
        "Written by `make families`. The classifiers of the table above, with other steps: `layers` (two stay), `width` (half",
        "of the neurons) and `wanda` (two of four weights) prune `finetune`'s; `heal` (logit-kd) teaches what is left of",
        "`layers`, else `width`, again; `svd` factorizes that, else the whole one; `int8` (onnx-dynamic) is what comes out,",
        "`evaluate` its accuracy beside the whole model's, `serve` what the server of its release answers. Numbers as above;",
        "of pruned, healed and factorized models: of each text alone from all together, and the share of the weights that",
        "stays, of `wanda` those that aren't zero. In `int8` a text's scale is that of its batch, so company changes an answer",
        "a little. (n): refused, in the words below. —: not reached, because what it would be made of is refused.",
    ),
    families=NAMES,
    tables={"Pruned, healed, factorized, quantized, released": STEPS},
    tried=tried,
    plugins=lambda: map(type, plugins().values()),
    files=(Path(__file__), HERE / "family_table.py", HERE.parent / "families.py"),
    packages=PACKAGES,
)

if __name__ == "__main__":
    LANE.command()()
