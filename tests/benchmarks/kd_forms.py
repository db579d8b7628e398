"""What each divergence of `distill/token-kd` brings a toy, beside the same training on the text alone.

    python tests/benchmarks/kd_forms.py TEXT [--seeds 3] [--epochs 8] [--k 16] [--arms forward-kl,jsd]

`TEXT` is a plain text of some hundred thousand characters (tinyshakespeare). A Llama of 0.33 million weights learns
9/10 of it. Students of 0.07 million learn a third of what it learnt, the same number of steps each: the text (`sft`), or
what the teacher says of it. Printed: perplexity by token of text that nobody has seen, for each seed, which decides the
student's first weights and the order of rows.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.testing import Bench, sealed
from slmworks_torch.causal import chat_model, examples, measures
from slmworks_torch.causal.pretrain import Pretrain
from slmworks_torch.causal.sft import SupervisedFinetune
from slmworks_torch.causal.token_kd import TokenKD

PIECE = 400
"""Characters of a row."""
TEACHER = {
    "hidden": 96,
    "layers": 3,
    "heads": 4,
    "kv_heads": 4,
    "ffn": 192,
    "vocabulary": 512,
    "context": 256,
}
STUDENT = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 4}
LEARN = {"learning_rate": 3e-3, "max_length": 256}
ARMS: dict[str, dict[str, Any]] = {
    "forward-kl": {"divergence": "forward-kl"},
    "reverse-kl": {"divergence": "reverse-kl"},
    "jsd": {"divergence": "jsd"},
    "forward-kl T=2": {"divergence": "forward-kl", "temperature": 2.0},
    "forward-kl and labels": {"divergence": "forward-kl", "alpha": 1.0},
}


def main() -> None:
    """Measure and print."""
    asked = _asked()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder)
        text = asked.text.read_text()[: asked.characters]
        pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
        much, few = _splits(folder, pieces)
        plugin = Pretrain(epochs=asked.teacher_epochs, batch_size=4, learning_rate=3e-3, **TEACHER)
        teacher = sealed(plugin.run(model=None, data=much, task=bench.task("teacher")))
        print(f"teacher ({teacher.meta['parameters']:,} weights): {perplexity(teacher, few):.2f}", flush=True)
        found: dict[str, list[float]] = {}
        for seed in range(asked.seeds):
            student = _student(folder / f"student-{seed}", teacher, seed)
            for arm in ("sft", *asked.arms.split(",")):
                task = bench.task(f"{arm}-{seed}", seed=seed)
                if arm == "sft":
                    plain = SupervisedFinetune(epochs=asked.epochs, batch_size=asked.batch_size, **LEARN)
                    made = plain.run(model=student, data=few, task=task)
                else:
                    kd = TokenKD(
                        epochs=asked.epochs, k=asked.k, batch_size=asked.batch_size, **LEARN, **ARMS[arm]
                    )
                    made = kd.run(teacher=teacher, student=student, data=few, task=task)
                found.setdefault(arm, []).append(perplexity(made, few))
                print(f"  seed {seed} {arm:<22}{found[arm][-1]:8.2f}", flush=True)
        print(f"\n{'student':<22}{'mean':>8}{'range':>16}")
        for arm, got in found.items():
            print(f"{arm:<22}{statistics.mean(got):8.2f}{min(got):9.2f} to {max(got):.2f}")


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("text", type=Path)
    options.add_argument("--characters", type=int, default=400_000, help="of the text, from its beginning")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--epochs", type=int, default=8)
    options.add_argument("--batch-size", type=int, default=4, help="rows a step of a student")
    options.add_argument("--teacher-epochs", type=int, default=6)
    options.add_argument("--k", type=int, default=16)
    options.add_argument("--arms", default=",".join(ARMS))
    return options.parse_args()


def _splits(folder: Path, pieces: list[str]) -> tuple[Dataset, Dataset]:
    """What the teacher learns from, and what students do: every third row of that; both with unseen rows."""
    learnt = [piece for place, piece in enumerate(pieces) if place % 10]
    unseen = [piece for place, piece in enumerate(pieces) if place % 10 == 0]
    held_out, test = unseen[::2], unseen[1::2]
    return (
        _dataset(folder / "much", train=learnt, validation=held_out, test=test),
        _dataset(folder / "few", train=learnt[::3], validation=held_out, test=test),
    )


def _dataset(folder: Path, **splits: list[str]) -> Dataset:
    folder.mkdir()
    for split, texts in splits.items():
        said = [
            {"id": f"{split}-{at}", "messages": [{"role": "prompt", "content": ""}], "completion": text}
            for at, text in enumerate(texts)
        ]
        pq.write_table(pa.Table.from_pylist(said), folder / f"{split}.parquet")
    (folder / "card.json").write_text("{}\n")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


def _student(folder: Path, teacher: Model, seed: int) -> Model:
    """A smaller network with random weights and the teacher's tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM

    shutil.copytree(teacher.path, folder)
    config = AutoConfig.from_pretrained(folder, **STUDENT, intermediate_size=64, head_dim=16)
    torch.manual_seed(seed)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return sealed(Model(path=folder, format="hf"))


def perplexity(model: Model, data: Dataset) -> float:
    """Of the split `test`."""
    loaded = chat_model.load(model, port="model")
    rows = examples.encode(loaded, examples.read(data, "test"), split="test", max_length=256)
    return measures.validate(loaded.net, rows, most=4096, precision="float32").numbers["perplexity"]


if __name__ == "__main__":
    main()
