"""What a teacher's inside brings a student beside its logits, in equal steps: `distill/hidden-kd` and `logit-kd`.

    python tests/benchmarks/hidden_kd.py BANKING77_FOLDER [--intents 12] [--epochs 8] [--seeds 3]

The folder has `train.csv` and `test.csv` (text, category). A BERT of width 64 with four layers learns the first intents
from nothing. Students are two of its layers, or a network of width 32 with random weights. Each arm has the same number
of steps; where it has two parts, half of them each. Printed: accuracy on the test rows, for each seed.
"""

import argparse
import csv
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch.classifier import FinetuneClassifier
from slmworks_torch.hidden.hidden_kd import HiddenKD
from slmworks_torch.logit_kd import LogitKD

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
COMMON = {"batch_size": 16, "max_length": 32}
ARMS: dict[str, list[tuple[type[Any], dict[str, Any]]]] = {
    "logit-kd": [(LogitKD, {"vocabulary": "keep"})],
    "relations, then logit-kd": [(HiddenKD, {"soft": 0.0}), (LogitKD, {"vocabulary": "keep"})],
    "states, then logit-kd": [
        (HiddenKD, {"soft": 0.0, "method": "states"}),
        (LogitKD, {"vocabulary": "keep"}),
    ],
    "relations and logits": [(HiddenKD, {"temperature": 2.0})],
    "both and logits": [(HiddenKD, {"temperature": 2.0, "method": "both"})],
}


def main() -> None:
    """Measure and print."""
    asked = _asked()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder / "bench")
        data = _data(asked.folder, folder / "data", asked.intents)
        teacher = _teacher(folder, data, bench)
        print(f"teacher: {_accuracy(teacher, data):.3f} of {len(data.rows('test', 'text'))} test rows")
        narrow = _encoder(folder / "narrow", data, hidden_size=32, num_hidden_layers=2, intermediate_size=64)
        for kind, given, rate in (("two layers", None, 1e-3), ("width 32", narrow, 3e-3)):
            for arm, parts in ARMS.items():
                _measure(f"{kind}, {arm}", parts, given, rate, teacher, data, bench, asked)


def _measure(
    name: str,
    parts: list[tuple[type[Any], dict[str, Any]]],
    given: Model | None,
    rate: float,
    teacher: Model,
    data: Dataset,
    bench: Bench,
    asked: argparse.Namespace,
) -> None:
    found, started = [], time.process_time()
    for seed in range(asked.seeds):
        made = given
        for number, (plugin, options) in enumerate(parts):
            step = plugin(**COMMON, learning_rate=rate, epochs=asked.epochs // len(parts), **options)
            task = bench.task(f"{name} {seed} {number}", seed=seed)
            made = sealed(step.run(teacher=teacher, student=made, data=data, task=task))
        assert made is not None
        found.append(_accuracy(made, data))
    each = ", ".join(f"{one:.3f}" for one in found)
    seconds = (time.process_time() - started) / asked.seeds
    print(f"{name}: {statistics.mean(found):.3f} ({each}), {seconds:.1f} CPU seconds", flush=True)


def _accuracy(model: Model, data: Dataset) -> float:
    rows = data.rows("test", "text", "label")
    answers = answer_all(open_runtime(model, threads=1), rows)
    right = [bool(one["label"] == row["label"]) for one, row in zip(answers, rows, strict=True)]
    return sum(right) / len(right)


def _teacher(folder: Path, data: Dataset, bench: Bench) -> Model:
    encoder = _encoder(folder / "encoder", data, hidden_size=64, num_hidden_layers=4, intermediate_size=128)
    plugin = FinetuneClassifier(epochs=12, learning_rate=2e-3, batch_size=16, max_length=32, dropout=0.0)
    return sealed(plugin.run(model=encoder, data=data, task=bench.task("teacher")))


def _encoder(folder: Path, data: Dataset, **sizes: int) -> Model:
    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer(lowercase=True)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=1500, special_tokens=SPECIAL, show_progress=False)
    words.train_from_iterator([row["text"] for row in data.rows("train", "text")], trainer)
    words.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=words.get_vocab_size(),
        num_attention_heads=4,
        max_position_embeddings=32,
        initializer_range=0.1,
        **sizes,
    )
    BertModel(config).save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}\n')
    return sealed(Model(path=folder, format="hf"))


def _data(given: Path, folder: Path, intents: int) -> Dataset:
    """The first intents: the last tenth of each one's training rows is validation."""
    folder.mkdir()
    splits: dict[str, list[dict[str, str]]] = {"train": [], "validation": [], "test": []}
    labels: list[str] = []
    for split in ("train", "test"):
        with (given / f"{split}.csv").open(encoding="utf-8") as file:
            rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
        labels = labels or sorted({label for _, label in rows})[:intents]
        for number, (text, label) in enumerate(row for row in rows if row[1] in labels):
            place = "validation" if split == "train" and number % 10 == 9 else split
            row = {"id": f"{place}-{number}", "text": text, "label": label, "source": "banking77"}
            splits[place].append(row)
    for split, some in splits.items():
        pq.write_table(pa.Table.from_pylist(some), folder / f"{split}.parquet")
    (folder / "card.json").write_text(json.dumps({"labels": labels}) + "\n")
    return sealed(Dataset(path=folder, meta={"task": "classification", "labels": labels}))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--intents", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
