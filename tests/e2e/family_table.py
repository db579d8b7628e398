"""Model families x steps: what each makes of a small classifier of each family, as a table for the docs.

    make families                         # 28 families: minutes on two cores; smaller_table.py comes behind
    python tests/e2e/family_table.py bert opt   # some of them, on the terminal

A family that was tried with the same code and packages isn't tried again: results are kept in `--work`.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = map(str, (HERE, HERE.parent))

from family_lane import Cells, Lane, attempt  # noqa: E402 - a script, whose neighbours are looked for

STEPS = (
    "finetune",
    "logit-kd",
    "bag-of-embeddings",
    "export",
    "onnx-dynamic",
    "onnx-static",
    "inc-static",
    "inc-autotune",
    "serve",
)
NAMES = {
    "bert": "BERT",
    "distilbert": "DistilBERT",
    "albert": "ALBERT, one group",
    "albert-2": "ALBERT, a group a layer",
    "mobilebert": "MobileBERT",
    "roberta": "RoBERTa",
    "xlm-roberta": "XLM-RoBERTa",
    "deberta": "DeBERTa",
    "deberta-v2": "DeBERTa v2",
    "deberta-v3": "DeBERTa v3",
    "electra": "ELECTRA",
    "mpnet": "MPNet",
    "modernbert": "ModernBERT",
    "longformer": "Longformer",
    "bigbird": "BigBird",
    "funnel": "Funnel",
    "xlnet": "XLNet",
    "fnet": "FNet",
    "convbert": "ConvBERT",
    "squeezebert": "SqueezeBERT",
    "roformer": "RoFormer",
    "nystromformer": "Nyströmformer",
    "bart": "BART",
    "llama": "Llama",
    "mistral": "Mistral",
    "qwen2": "Qwen2",
    "gpt2": "GPT-2",
    "opt": "OPT",
}
PACKAGES = ("torch", "transformers", "tokenizers", "onnx", "onnxscript", "onnxruntime", "neural-compressor")
MORE = ("", "great", "the camera is great and the lamp is bad, " * 12)
"""Texts beside those of the test split: none, one word, one that is cut."""


def plugins(vocabulary: str = "cut") -> dict[str, Any]:
    """Step -> its plugin, with options for a network of 32 wide layers and a few hundred texts."""
    from slmworks_inc.autotune import IncAutotune
    from slmworks_inc.static import IncStatic
    from slmworks_onnx.dynamic import OnnxDynamic
    from slmworks_onnx.export import ExportOnnx
    from slmworks_onnx.static import OnnxStatic
    from slmworks_torch.bag_of_embeddings import BagOfEmbeddings
    from slmworks_torch.classifier import FinetuneClassifier
    from slmworks_torch.logit_kd import LogitKD

    quick = {"epochs": 6, "batch_size": 16, "learning_rate": 1e-3}
    return {
        "finetune": FinetuneClassifier(**quick, max_length=32),
        "logit-kd": LogitKD(**quick, vocabulary=vocabulary),
        "bag-of-embeddings": BagOfEmbeddings(epochs=3, augment=1, width=32, hidden=32, vocabulary=vocabulary),
        "export": ExportOnnx(),
        "onnx-dynamic": OnnxDynamic(),
        "onnx-static": OnnxStatic(rows=100, agreement=0),
        "inc-static": IncStatic(rows=100, agreement=0),
        "inc-autotune": IncAutotune(rows=100, max_trials=8, drop=0.05),
    }


def tried(family: str) -> Cells:
    """What every step makes of the family."""
    from transformers.utils import logging

    import families
    from conftest import reviews
    from slmworks.testing import Bench, sealed

    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory(prefix=f"{family}-") as named:
        folder = Path(named)
        for name in ("data", "base"):
            (folder / name).mkdir()
        data, base, bench = reviews(folder / "data"), families.write(family, folder / "base"), Bench(folder)
        steps = plugins("cut" if words_of(base) == "WordPiece" else "keep")
        texts = [*data.columns("test", "text")[0], *MORE]
        cells: Cells = {}

        def make(step: str, of: Any, **given: Any) -> Any:
            """The step's model, or None where the family is refused."""
            if of is None:
                return None
            made = []

            def run() -> float:
                made.append(sealed(steps[step].run(**given, task=bench.task(step))))
                return apart(made[0], made[0] if step in STEPS[:3] else of, texts)

            cells[step] = attempt(run)
            return made[0] if cells[step].word == "right" else None

        teacher = make("finetune", base, model=base, data=data)
        make("logit-kd", teacher, teacher=teacher, student=None, data=data)
        bag = make("bag-of-embeddings", teacher, teacher=teacher, student=None, data=data)
        exported = make("export", teacher, model=teacher)
        shipped = [
            make(step, teacher, model=teacher, calibration=data)
            for step in ("inc-static", "onnx-static", "onnx-dynamic", "inc-autotune")
        ]
        if best := next((model for model in (*shipped, exported, bag) if model is not None), None):
            cells["serve"] = attempt(lambda: served(best, folder / "release", texts))
    return cells


def words_of(model: Any) -> str:
    """The kind of the model's vocabulary."""
    return str(json.loads((model.path / "tokenizer.json").read_text(encoding="utf-8"))["model"]["type"])


def apart(made: Any, of: Any, texts: Sequence[str]) -> float:
    """Largest difference between the probabilities of `made`, alone and in company, and of `of` in company."""
    from slmworks.contract.runtime import open_runtime

    runtime, original = open_runtime(made, threads=1), open_runtime(of, threads=1)
    expected = answers(original.answer, texts, len(texts))
    return largest(expected, answers(runtime.answer, texts, 1), answers(runtime.answer, texts, len(texts)))


def answers(answer: Callable[..., Any], texts: Sequence[str], batch: int) -> list[Mapping[str, float]]:
    """Label -> probability for each text, asked in batches."""
    rows = [{"text": text} for text in texts]
    parts = [answer(rows[start : start + batch]) for start in range(0, len(rows), batch)]
    return [given["scores"] for part in parts for given in part]


def largest(expected: Sequence[Mapping[str, float]], *others: Sequence[Mapping[str, float]]) -> float:
    """Largest difference of a probability."""
    import numpy as np

    labels = list(expected[0])
    tables = [np.array([[row[label] for label in labels] for row in rows]) for rows in (expected, *others)]
    return float(max(np.abs(table - tables[0]).max() for table in tables[1:]))


def served(model: Any, folder: Path, texts: Sequence[str]) -> float:
    """Largest difference between the answers of a server, to each text and to all, and of the model alone."""
    from starlette.testclient import TestClient

    from releases import built
    from slmworks.contract.runtime import open_runtime
    from slmworks_serve.app import Service, create_app
    from slmworks_serve.limits import Limits
    from slmworks_serve.model import load

    expected = answers(open_runtime(model, threads=1).answer, texts, 1)
    service = Service(load(built(model, folder)), 1, Limits())
    with TestClient(create_app(service)) as client:
        alone = [said(client.post("/classify", json={"text": text})) for text in texts]
        together = said(client.post("/classify", json={"texts": list(texts)}))
    return largest(expected, [row["scores"] for row in alone], [row["scores"] for row in together["answers"]])


def said(reply: Any) -> Any:
    """A reply's body."""
    if reply.status_code != 200:
        raise AssertionError(f"{reply.status_code}: {reply.text}")
    return reply.json()


LANE = Lane(
    heading="Classifiers",
    about=(
        "Written by `make families`. A small network of each family (random weights, widths of 32, its own kind of",
        "tokenizer) becomes a classifier of three labels and goes through every step. A number is the largest difference",
        "of a probability: of the step's answers to 63 texts, each alone and all together, from the answers of what",
        "went into it (of `finetune`, `logit-kd` and `bag-of-embeddings`: alone from together; students with",
        "`vocabulary: keep` where it isn't WordPiece). Random weights have outliers that 8 bits cut: pretrained ones",
        "lose less. With `onnx-dynamic` a text's scale is that of its batch, so company changes an answer a little.",
        "`serve` gives the answers of the first that there is of `inc-static`, `onnx-static`, `onnx-dynamic`, `export` and",
        "`bag-of-embeddings`.",
        "(n): refused, in the words below. —: not reached, because the teacher is refused.",
    ),
    families=NAMES,
    tables={"Exported, quantized, served": STEPS},
    tried=tried,
    plugins=lambda: map(type, plugins().values()),
    files=(Path(__file__), HERE.parent / "families.py"),
    packages=PACKAGES,
)

if __name__ == "__main__":
    LANE.command()()
