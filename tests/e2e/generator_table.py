"""Families of generators x steps: what each makes of a toy of each family, as a table for the docs.

    make generator-families                           # 14 families: minutes on two cores
    python tests/e2e/generator_table.py llama phi3    # some of them, on the terminal

A family that was tried with the same code and packages isn't tried again: results are kept in `--work`.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / name) for name in ("", "gguf", "serve", "torch"))]

# ruff: noqa: E402 - a script, whose neighbours are looked for
from family_lane import Cell, Cells, Lane, attempt
from same_answers import largest, plain, require_equal, together, unequal

WINDOW = {"sliding_window": 16}
"""Shorter than every row of the data."""
SCALED = {
    "rope_parameters": {
        "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
    }
}  # fmt: skip
"""As in Llama 3.1, for a model that was made for 32 tokens and reads 256."""
SETTINGS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "llama": ("Llama (SmolLM2)", "llama", {}),
    "llama3": ("Llama 3, untied head", "llama-untied", {}),
    "llama3.1": ("Llama 3.1, scaled RoPE", "llama-untied", SCALED),
    "mistral": ("H2O-Danube 2 (Mistral)", "mistral", {}),
    "mistral-window": ("H2O-Danube (Mistral), sliding window", "mistral", WINDOW),
    "gemma2": ("Gemma 2, windows alternate", "gemma2", WINDOW),
    "phi3": ("Phi-3", "phi3", {}),
    "phi3-window": ("Phi-3, sliding window", "phi3", WINDOW),
    "phi": ("Phi-2", "phi", {}),
    "qwen2": ("Qwen2", "qwen2", {}),
    "qwen3": ("Qwen3", "qwen3", {}),
    "mixtral": ("Mixtral", "mixtral", {}),
    "smollm3": ("SmolLM3", "smollm3", {}),
    "gpt2": ("GPT-2", "gpt2", {}),
}
"""Name on the command line -> name in the table, toy, what its configuration says beside."""
TRAINED = ("sft", "lora", "token-kd", "sequence-kd", "dpo")
SMALLER = ("layers", "width", "wanda", "heal", "svd")
PACKED = ("inc-rtn", "svd, inc-rtn", "export", "q8_0")
STEPS = (*TRAINED, *SMALLER, *PACKED, "evaluate", "register", "answer")
PACKAGES = ("torch", "transformers", "tokenizers", "peft", "gguf", "xllamacpp", "neural-compressor")
LAYERS = 4
ASKED = 8
"""Rows of each split that are evaluated."""
BITS, ROUNDED = "bits_per_byte", 2e-4
"""What evaluation is compared by; a rounding of a loss in float32."""


def plugins() -> dict[str, Any]:
    """Step -> its plugin, with options for a network of 64 wide layers and a few dozen conversations."""
    from slmworks.evaluate.quality import Quality
    from slmworks.register.release import MlflowRelease
    from slmworks_gguf.export import ExportGguf
    from slmworks_gguf.quantize import QuantizeGguf
    from slmworks_inc.rtn import IncRtn
    from slmworks_torch.causal.dpo import DirectPreferenceOptimisation
    from slmworks_torch.causal.lora import LoraFinetune
    from slmworks_torch.causal.sequence_kd import SequenceKD
    from slmworks_torch.causal.sft import SupervisedFinetune
    from slmworks_torch.causal.token_kd import TokenKD
    from slmworks_torch.compression.prune_layers import PruneLayers
    from slmworks_torch.compression.prune_width import PruneWidth
    from slmworks_torch.compression.svd import SvdFactorize
    from slmworks_torch.compression.unstructured import Wanda

    quick = {"epochs": 4, "batch_size": 8, "learning_rate": 3e-3, "precision": "float32"}
    half = {**quick, "depth": LAYERS // 2}
    return {
        "sft": SupervisedFinetune(**quick | {"epochs": 8}),
        "lora": LoraFinetune(**quick),
        "token-kd": TokenKD(**half),
        "sequence-kd": SequenceKD(**half, keep="all"),
        "dpo": DirectPreferenceOptimisation(
            epochs=1, batch_size=8, learning_rate=1e-4, most_drift=100, rank=8
        ),
        "layers": PruneLayers(keep=LAYERS // 2),
        "width": PruneWidth(ffn=64),
        "wanda": Wanda(pattern="2:4"),
        "heal": TokenKD(**quick),
        "svd": SvdFactorize(method="whiten", budget=0.9),
        "inc-rtn": IncRtn(bits=8),
        "svd, inc-rtn": IncRtn(bits=8),
        "export": ExportGguf(),
        "q8_0": QuantizeGguf(type="q8_0"),
        "evaluate": Quality(trivial=False, slices=False),
        "register": MlflowRelease(name="lane"),
    }


def tried(family: str) -> Cells:
    """What every step makes of the family."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory(prefix=f"{family}-") as named:
        return Trial(family, Path(named)).cells()


@dataclass
class Trial:
    """One family on its way through the steps."""

    family: str
    folder: Path
    found: Cells = field(default_factory=dict)

    def cells(self) -> Cells:
        """All steps, one after the other."""
        base = self._toy()
        orders, pairs = self._data
        teacher = self._make("sft", self.as_trained, model=base, data=orders)
        self._make("lora", self.as_trained, model=base, data=orders)
        if teacher is None:
            return self.found
        student, _ = (
            self._make(step, self.beside_transformers, teacher=teacher, student=None, data=orders)
            for step in ("token-kd", "sequence-kd")
        )
        self._make("dpo", self.beside_transformers, model=teacher, data=pairs)
        small = self._smaller(teacher, student, orders)
        if small is None:
            return self.found
        packed = self._make("inc-rtn", self.moved, model=small, calibration=None)
        exported = self._make("export", self.same_texts(small), model=small)
        file = self._make("q8_0", self.moved, model=exported, calibration=None) if exported else None
        others = [one for one in (exported, file, packed) if one]
        self.found["evaluate"] = attempt(lambda: self.evaluated(small, others))
        self._released(file or small)
        return self.found

    def _smaller(self, teacher: Any, student: Any, orders: Any) -> Any:
        """Prune, heal, factorize; what is healed, or the student where nothing can be pruned."""
        shallow = self._make("layers", self.left, model=teacher, data=orders)
        narrow = self._make("width", self.left, model=student or teacher, data=orders)
        self._make("wanda", self.left, model=teacher, data=orders)
        pruned, healed = narrow or shallow, None
        if pruned:
            healed = self._make(
                "heal", self.beside_transformers, teacher=teacher, student=pruned, data=orders
            )
        small = healed or student
        thin = self._make("svd", self.left, model=small or teacher, data=orders)
        if thin:
            self._make("svd, inc-rtn", self.moved, model=thin, calibration=None)
        return small

    def _toy(self) -> Any:
        from toys import toy

        _, kind, more = SETTINGS[self.family]
        # transformers splits text its own way for Qwen, whatever tokenizer.json says
        rule = "qwen2" if "qwen" in kind else "smollm"
        settings = {"num_hidden_layers": LAYERS, "initializer_range": 0.1, **more}
        return toy(self.folder / "base", kind, rule=rule, **settings)

    @cached_property
    def _data(self) -> tuple[Any, Any]:
        """Conversations with answers, and pairs of answers."""
        from orders import dataset, order
        from pairs import styles

        rows = [order(number) for number in range(40 + 2 * ASKED)]
        splits = {"train": rows[:40], "validation": rows[40:-ASKED], "test": rows[-ASKED:]}
        transfer = [{**row, "completion": None} for row in rows[:4]]
        orders = dataset(self.folder / "orders", **splits, transfer=transfer)
        return orders, styles(self.folder / "pairs", train=24, validation=ASKED)

    @cached_property
    def _bench(self) -> Any:
        from slmworks.testing import Bench

        return Bench(self.folder)

    def _make(self, step: str, measure: Callable[[Any], Cell], **given: Any) -> Any:
        """The step's model, measured; None where the family is refused."""
        made = []

        def run() -> Cell:
            made.append(self._bench.keep(plugins()[step].run(**given, task=self._bench.task(step))))
            return measure(made[0])

        self.found[step] = attempt(run)
        return made[0] if self.found[step].word == "right" else None

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        """Conversations of different lengths."""
        orders, _ = self._data
        return [{"messages": row["messages"]} for row in orders.rows("test", "messages")]

    def as_trained(self, model: Any) -> Cell:
        """As `beside_transformers`, where the folder finds held-out answers as likely as training did at its end."""
        from slmworks.contract.runtime import open_runtime

        orders, _ = self._data
        found = open_runtime(model, threads=1).scored(
            list(orders.rows("validation", "messages", "completion"))
        )
        loss = sum(one.nll for one in found) / sum(one.tokens for one in found)
        if abs(loss - model.summary["loss"]) > ROUNDED:
            raise AssertionError(
                f"the folder's loss is {loss:.4f}, and training ended at {model.summary['loss']}"
            )
        return self.beside_transformers(model)

    def beside_transformers(self, model: Any) -> Cell:
        """Largest difference of a logit of plain transformers, row by row, from our runtime, all together.

        All greedy texts have to be the same.
        """
        from slmworks.contract.runtime import open_runtime

        runtime = open_runtime(model, threads=1)
        texts = [answer["text"] for answer in runtime.answer(self._rows)]
        prompts = [runtime.encode(row) for row in self._rows]
        alone, written = plain(model.path, prompts, runtime)
        require_equal(written, texts, "plain transformers", "the runtime")
        return Cell("right", largest(alone, together(runtime.module, prompts)))

    def left(self, model: Any) -> Cell:
        """As `beside_transformers`, and the share of the weights that stays, or isn't zero."""
        said = model.summary
        share = (
            1 - said["zero_share"] if "zero_share" in said else said["parameters"] / said["parameters_before"]
        )
        return replace(self.beside_transformers(model), says=f"({share:.0%})")

    def same_texts(self, whole: Any) -> Callable[[Any], Cell]:
        """The largest difference of a log-probability in the proof, and the greedy texts that are those of `whole`.

        Most have to be: a near tie may fall the other way.
        """
        from slmworks.contract.runtime import open_runtime

        def measure(made: Any) -> Cell:
            one, other = (
                [answer["text"] for answer in open_runtime(model, threads=1).answer(self._rows)]
                for model in (whole, made)
            )
            apart = unequal(one, other)
            if apart > ASKED // 4:
                raise AssertionError(f"{apart} of {ASKED} texts of torch are not those of llama.cpp")
            shown = f"({ASKED - apart} of {ASKED} texts)" if apart else ""
            return Cell("right", made.summary["proof_logprob_difference"], shown)

        return measure

    def moved(self, made: Any) -> Cell:
        """Divergence from what it was made of, and the share of the weights that have fewer bits."""
        share = made.summary["weights_quantized_share"]
        return Cell("right", made.summary["divergence"], f"({share:.0%})")

    def evaluated(self, whole: Any, others: Sequence[Any]) -> Cell:
        """Largest difference of the true answers' bits a byte, of the other runtimes from torch, and torch's."""
        orders, _ = self._data
        reports = []
        for number, model in enumerate((whole, *others)):
            task = self._bench.task(f"evaluate-{number}")
            reports.append(plugins()["evaluate"].run(model=model, baseline=None, data=orders, task=task))
        ours, *theirs = [float(report.summary[BITS]) for report in reports]
        return Cell("right", max([0.0, *(abs(one - ours) for one in theirs)]), f"of {ours:.2g}")

    def _released(self, model: Any) -> None:
        """Register the model, and ask the release what evaluation asked."""
        from releases import built

        releases = []

        def register() -> Cell:
            releases.append(built(model, self.folder / "release", name="lane"))
            return Cell("right", says=model.format)

        self.found["register"] = attempt(register)
        if releases:
            self.found["answer"] = attempt(lambda: self.answered(model, releases[0]))

    def answered(self, model: Any, release: Any) -> Cell:
        """Texts of `slmworks chat`'s server, as the runtime that was evaluated writes them."""
        from serving import Served

        from slmworks.contract.runtime import open_runtime

        texts = [answer["text"] for answer in open_runtime(model, threads=1).answer(self._rows)]
        with Served(release) as served:
            said = [
                served.post("v1/chat/completions", {**row, "model": "lane", "temperature": 0})["choices"][0]
                for row in self._rows
            ]
        require_equal([one["message"]["content"] for one in said], texts, "the server", "the runtime")
        return Cell("right", says="✓")


LANE = Lane(
    heading="Generators",
    about=(
        "Written by `make generator-families`. A toy of each family (random weights, 4 layers of width 64, byte-level",
        "BPE) learns 40 conversations and goes through every step. `layers` and `wanda` prune the tuned model, `width` the",
        "student of `token-kd`, which has half of its layers; `heal` (token-kd) teaches what is left of `width` (else",
        "`layers`) again, and that is factorized, packed, written as GGUF, evaluated and released. Greedy answers to 8",
        "conversations have to be the same: of plain transformers, one by one, and our runtime, all together (the first",
        "table; `svd` with its architecture registered); of torch and llama.cpp (`export`: export/gguf), near ties apart:",
        "llama.cpp reads Gemma's GELU from a table of 16-bit numbers; of a released file and the server that `slmworks",
        "chat` asks (`answer`). Numbers: the largest difference of a logit (trained and pruned models, with the share of",
        "the weights that stays, of `wanda` those that aren't zero), of a log-probability (`export`); the divergence in nats",
        "a token, and the share of the weights that is quantized (`inc-rtn` with 8 bits; `q8_0`: quantize/gguf); the largest",
        "difference of bits a byte of the true answers in all these runtimes, and those in torch (`evaluate`); `register`",
        "names the format. (n): refused, in the words below. —: not reached.",
    ),
    families={name: shown for name, (shown, *_) in SETTINGS.items()},
    tables={
        "Trained and made smaller": (*TRAINED, *SMALLER),
        "Packed, written for llama.cpp, released": (*PACKED, "evaluate", "register", "answer"),
    },
    tried=tried,
    plugins=lambda: map(type, plugins().values()),
    files=(
        Path(__file__),
        *(
            HERE.parent / name
            for name in ("e2e/same_answers.py", "gguf/toys.py", "torch/orders.py", "torch/pairs.py")
        ),
    ),
    packages=PACKAGES,
)

if __name__ == "__main__":
    LANE.command()()
