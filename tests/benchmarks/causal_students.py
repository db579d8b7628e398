"""Students cut from one generator: weights, bytes, tokens, what the cut costs, healing, speed. Prints a table.

    .venv/bin/python tests/benchmarks/causal_students.py FOLDER [--text FILE] [--heal ROWS] [--only NAME;…] [--files NAME;…]

FOLDER is a causal language model as `export/hf` writes it (SmolLM2-135M-Instruct, docs/generation.md). Rows are
messages with bookings as JSON (pipelines/examples/bookings.py); wordings of the held-out rows are in no training
row. What a vocabulary cut does to text of another kind is measured on FILE. Bits are of a byte of the answer, so
that vocabularies can be compared. `--heal` trains each student on so many rows for one epoch, the teacher too.
Files and speed are of `--files`: llama.cpp, q8_0, one thread, greedy tokens a CPU second, all files in turns, the
median of five.
"""

import argparse
import csv
import io
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slmworks.contract.artifact import Dataset, Model
from slmworks.testing import Bench, sealed
from slmworks_gguf.export import ExportGguf
from slmworks_gguf.llama_cpp import opened
from slmworks_gguf.quantize import QuantizeGguf
from slmworks_torch import training
from slmworks_torch.causal import chat_model, examples, measures, width
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.causal.sft import SupervisedFinetune
from slmworks_torch.causal.student import StudentShape, student_of

SHAPES: Mapping[str, dict[str, Any]] = {
    "the teacher": {},
    "vocabulary 16,384": {"vocabulary": 16384},
    "vocabulary 24,576": {"vocabulary": 24576},
    "depth 24": {"depth": 24},
    "ffn 0.75": {"ffn": 0.75},
    "all three": {"vocabulary": 16384, "depth": 24, "ffn": 0.75},
}
BOOKINGS = Path(__file__).parents[2] / "pipelines" / "examples" / "bookings.py"
SYSTEM = "The booking in JSON, null for what is missing."
HELD_OUT = 16
SPEED = "q8_0 tok/CPU-s"
PIECES, CHARACTERS = 4, 600
"""Of the text of another kind."""
BEGIN, STEPS, TURNS = 8, 48, 5
TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema([("id", pa.string()), ("messages", pa.list_(TURN)), ("completion", pa.string())])


def main() -> None:
    """Cut, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--heal", type=int, default=0)
    parser.add_argument("--only", default=";".join(SHAPES))
    parser.add_argument("--files", default="the teacher;all three")
    parser.add_argument("--held-out", type=int, default=HELD_OUT, help="held-out rows")
    parser.add_argument("--neurons", type=int, default=width.ROWS, help="rows that neurons are measured on")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        training.prepare(bench.task("threads"))
        width.ROWS = asked.neurons
        sets = {"bookings": bookings(bench.folder / "bookings", asked.held_out)}
        if asked.text:
            sets["text"] = text(bench.folder / "text", asked.text.read_text(encoding="utf-8"))
        found = {}
        for name in asked.only.split(";"):
            found[name] = measured(asked.folder, name, sets, bench, asked.heal)
            print(f"{name}: {found[name]}", file=sys.stderr, flush=True)
        named = [name for name in asked.files.split(";") if name in found]
        for name in named:
            found[name] |= files(bench, name)
            print(f"{name}: {found[name]}", file=sys.stderr, flush=True)
        for name, rate in rates({name: bench.folder / f"{name}.gguf" for name in named}).items():
            found[name][SPEED] = rate
    print(*table(found), sep="\n")


def measured(
    folder: Path, name: str, sets: Mapping[str, Dataset], bench: Bench, heal: int
) -> dict[str, float]:
    """Numbers of one student; its folder stays in the bench's."""
    teacher = Model(path=folder, format="hf", meta={})
    started = time.process_time()
    made = student_of(teacher, None, StudentShape(**SHAPES[name]), sets["bookings"], bench.task(name))
    seconds = time.process_time() - started
    said = {"weights, M": made.parameters / 1e6, "cut, CPU-s": seconds}
    said["extra tokens"] = made.shape.get("extra_tokens", 0.0)
    said |= {f"bits a byte, {kind}": bits(made, data) for kind, data in sets.items()}
    at = bench.folder / f"{name} saved"
    at.mkdir()
    made.save(at)
    if heal:
        del made
        told = healed(saved(bench, name), sets["bookings"], bench, name, heal)
        said["healed, bookings"] = bits(told, sets["bookings"])
    return said


def saved(bench: Bench, name: str) -> Model:
    """The student's folder."""
    path = bench.folder / f"{name} saved"
    return sealed(Model(path=path, format="hf", meta={"task": "text-generation"}))


def files(bench: Bench, name: str) -> dict[str, float]:
    """Sizes of a student's GGUF files; the one of type q8_0 stays in the bench's folder."""
    model = saved(bench, name)
    file = sealed(ExportGguf().run(model=model, task=bench.task(f"{name} f32")))
    small = QuantizeGguf(type="q8_0").run(model=file, calibration=None, task=bench.task(f"{name} q8_0"))
    sizes = {"f32, MB": file.summary["bytes"] / 1e6, "q8_0, MB": small.summary["bytes"] / 1e6}
    shutil.move(small.path / "model.gguf", bench.folder / f"{name}.gguf")
    shutil.rmtree(file.path)
    return sizes


def healed(model: Model, data: Dataset, bench: Bench, name: str, count: int) -> ChatModel:
    """The model after one epoch of `count` training rows."""
    few = bench.folder / f"{name} few"
    shutil.copytree(data.path, few)
    rows = pq.read_table(few / "train.parquet")
    pq.write_table(rows.take(list(range(0, len(rows), len(rows) // count))[:count]), few / "train.parquet")
    plugin = SupervisedFinetune(epochs=1, batch_size=8, learning_rate=3e-4, freeze_embeddings=True)
    made = plugin.run(model=model, data=sealed(replace(data, path=few)), task=bench.task(f"{name} healed"))
    return chat_model.load(made, port="model")


def bits(model: ChatModel, data: Dataset) -> float:
    """Bits a byte of the answers of `validation`, their ends included."""
    rows = examples.read(data, "validation")
    given = examples.encode(model, rows, split="validation", max_length=1024)
    score = measures.validate(model.net, given, most=1024, precision="float32")
    size = sum(len(str(row["completion"]).encode()) for row in rows)
    return -score.value * sum(given.answers) / math.log(2) / size


def rates(files: Mapping[str, Path]) -> dict[str, float]:
    """Greedy tokens a CPU second of each file."""
    seconds: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(TURNS):
        for name, file in files.items():
            with opened(file, threads=1) as llama:
                begin = llama.encode("The quick brown fox jumps over the lazy dog.")[:BEGIN]
                llama.greedy(begin, 4)
                started = time.process_time()
                llama.greedy(begin, 1)
                prompt = time.process_time() - started
                llama.greedy(begin, STEPS + 1)
                seconds[name].append(time.process_time() - started - 2 * prompt)
    return {name: STEPS / statistics.median(found) for name, found in seconds.items()}


def table(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A line for each student; speed beside that of the first."""
    names = list(dict.fromkeys(column for said in found.values() for column in said))
    first = next((said[SPEED] for said in found.values() if SPEED in said), math.nan)
    lines = [f"| student | {' | '.join(names)} | × |", "|---" * (len(names) + 2) + "|"]
    for name, said in found.items():
        numbers = [f"{said[column]:.3g}" if column in said else "" for column in names]
        ratio = f"{said[SPEED] / first:.2f}" if SPEED in said else ""
        lines.append(f"| {name} | {' | '.join(numbers)} | {ratio} |")
    return lines


def bookings(folder: Path, rows_held_out: int) -> Dataset:
    """Messages and bookings; a quarter of the wordings is held out."""
    said = subprocess.run([sys.executable, str(BOOKINGS)], capture_output=True, text=True, check=True)
    rows = list(csv.DictReader(io.StringIO(said.stdout)))
    wordings = sorted({row["wording"] for row in rows})
    kept = set(wordings[::4])
    train = [row for row in rows if row["wording"] not in kept]
    held_out = [row for row in rows if row["wording"] in kept]
    return dataset(
        folder,
        train=[(SYSTEM, row["message"], row["booking"]) for row in train],
        validation=[
            (SYSTEM, row["message"], row["booking"])
            for row in held_out[:: len(held_out) // rows_held_out][:rows_held_out]
        ],
    )


def text(folder: Path, whole: str) -> Dataset:
    """Pieces of a text, from all of it."""
    apart = len(whole) // PIECES
    pieces = [("", "", whole[place * apart : place * apart + CHARACTERS]) for place in range(PIECES)]
    return dataset(folder, train=pieces, validation=pieces)


def dataset(folder: Path, **splits: list[tuple[str, str, str]]) -> Dataset:
    """System, message and answer of each row; no message: plain text."""
    folder.mkdir()
    for split, rows in splits.items():
        found = [
            {
                "id": f"{split}-{number}",
                "messages": [{"role": "system", "content": system}, {"role": "user", "content": message}]
                if message
                else [{"role": "prompt", "content": ""}],
                "completion": answer,
            }
            for number, (system, message, answer) in enumerate(rows)
        ]
        pq.write_table(pa.Table.from_pylist(found, schema=SCHEMA), folder / f"{split}.parquet")
    (folder / "card.json").write_text("{}\n")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


if __name__ == "__main__":
    main()
