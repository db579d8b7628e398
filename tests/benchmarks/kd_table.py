"""Ways to teach a student, each with the same CPU seconds: labels only, and its teacher in three ways.

    .venv/bin/python tests/benchmarks/kd_table.py [--seconds 20] [--seeds 3] [--arms labels,sequence-kd,…]
        [--teacher FOLDER --student FOLDER --data FOLDER]

Without folders a toy is made: a new Llama that has learnt 400 orders as JSON is the teacher, its first layer
is the student, and only 32 of 232 conversations have a label. FOLDERs are causal language models as
`export/hf` writes them, and data of `curate/chat` with the splits `train`, `validation`, perhaps `transfer`.

An arm's epochs are set by the CPU seconds of a short training, so that all arms take as long. What a teacher
writes or scores once (sequence-kd, token-kd) is paid for before and printed apart; on-policy pays in each step.
Printed: mean ± standard deviation over the seeds of exact match and token accuracy on `validation`.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.contract.stage import Task
from slmworks.model_tasks.text_generation.measures import same
from slmworks.testing import Bench, sealed
from slmworks_torch import training
from slmworks_torch.causal.on_policy import OnPolicyKD
from slmworks_torch.causal.pretrain import Pretrain
from slmworks_torch.causal.sequence_kd import SequenceKD
from slmworks_torch.causal.sft import SupervisedFinetune
from slmworks_torch.causal.student import StudentShape, student_of

TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema([("id", pa.string()), ("messages", pa.list_(TURN)), ("completion", pa.string())])
ASK = ("Book a table for {n} at {t}.", "We are {n}, coming at {t}.", "Dinner for {n}? {t} would suit us.")
OPTIONS = {"batch_size": 16, "learning_rate": 2e-3}
ARMS = "labels,sequence-kd,token-kd,on-policy"
TRIED = 5
"""Further epochs by which the time of one is measured, without loading."""


def main() -> None:
    """Train and print."""
    asked = _asked()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        teacher, student, data = _given(asked, bench) if asked.teacher else _toy(bench)
        print(
            f"teacher: {_exact(teacher, data):.3f} exact match; student before: {_exact(student, data):.3f}"
        )
        print(
            f"{'':<12}{'epochs':>7}{'CPU s':>8}{'teacher CPU s':>15}{'exact match':>18}{'token accuracy':>18}"
        )
        for arm in asked.arms.split(","):
            if arm not in ("labels", "sequence-kd", "on-policy") and not _plugin(arm):
                print(f"{arm:<12} is not installed")
                continue
            _arm(arm, asked, (teacher, student, data), bench)


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("teacher", "student", "data"):
        options.add_argument(f"--{name}", type=Path)
    options.add_argument("--seconds", type=float, default=20.0, help="CPU seconds of each training")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--arms", default=ARMS)
    options.add_argument("--options", type=json.loads, default=OPTIONS, help="of all arms, as JSON")
    return options.parse_args()


def _arm(arm: str, asked: argparse.Namespace, given: tuple[Model, Model, Dataset], bench: Bench) -> None:
    """Measure an epoch, train with each seed, and print a line."""
    before = _spent(bench)
    _train(arm, {**asked.options, "epochs": 1}, given, bench.task(f"{arm}-first"))  # the teacher is paid
    paid = _spent(bench) - before
    _, short = _train(arm, {**asked.options, "epochs": 1}, given, bench.task(f"{arm}-short"))
    _, long = _train(arm, {**asked.options, "epochs": 1 + TRIED}, given, bench.task(f"{arm}-long"))
    epochs = 1 + max(0, round((asked.seconds - short) / max((long - short) / TRIED, 1e-3)))
    options, taken = {**asked.options, "epochs": epochs}, []
    exact, accuracy = [], []
    for seed in range(asked.seeds):
        made, seconds = _train(arm, options, given, bench.task(f"{arm}-{seed}", seed=seed))
        taken.append(seconds)
        exact.append(_exact(made, given[2]))
        accuracy.append(made.summary["token_accuracy"])
    cost = f"{epochs:>7}{statistics.mean(taken):>8.1f}{paid:>15.1f}"
    print(f"{arm:<12}{cost}{_spread(exact):>18}{_spread(accuracy):>18}", flush=True)


def _train(
    arm: str, options: dict[str, Any], given: tuple[Model, Model, Dataset], task: Task
) -> tuple[Model, float]:
    teacher, student, data = given
    began = time.process_time()
    if arm == "labels":
        made = SupervisedFinetune(**options).run(model=student, data=data, task=task)
    else:
        kind = {"sequence-kd": SequenceKD, "on-policy": OnPolicyKD}.get(arm) or _plugin(arm)
        made = kind(**options).run(teacher=teacher, student=student, data=data, task=task)
    return sealed(made), time.process_time() - began


def _plugin(name: str) -> Any:
    (found,) = entry_points(group="slmworks.distill", name=name) or (None,)
    return found and found.load()


def _spent(bench: Bench) -> float:
    return sum(ledger.spent.cpu_seconds for ledger in bench.ledgers.values())


def _spread(values: list[float]) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {spread:.3f}"


def _exact(model: Model, data: Dataset) -> float:
    rows = data.rows("validation", "messages", "completion")
    runtime = open_runtime(model, threads=1, model_task="text-generation")
    said = answer_all(runtime, [{"messages": row["messages"]} for row in rows])
    pairs = zip(said, rows, strict=True)
    return statistics.mean(same(str(one["text"]), str(row["completion"])) for one, row in pairs)


def _given(asked: argparse.Namespace, bench: Bench) -> tuple[Model, Model, Dataset]:
    teacher, student = (
        sealed(Model(path=path, format="hf", meta={"task": "text-generation"}))
        for path in (asked.teacher, asked.student)
    )
    return teacher, student, Dataset(path=asked.data, meta={"task": "text-generation"})


def _toy(bench: Bench) -> tuple[Model, Model, Dataset]:
    chance = random.Random(0)
    rows = [_order(number, chance) for number in range(650)]
    known = _data(bench.folder / "known", train=rows[:400], validation=rows[600:650])
    options = Pretrain(hidden=64, ffn=128, epochs=12, vocabulary=400, context=128, batch_size=16)
    teacher = sealed(options.run(model=None, data=known, task=bench.task("teacher")))
    task = bench.task("student")
    training.prepare(task)
    student_of(teacher, None, StudentShape(layers=(0,))).save(task.output)
    student = sealed(Model(path=task.output, format="hf", meta={"task": "text-generation"}))
    free = [{**row, "completion": None} for row in rows[400:600]]
    data = _data(bench.folder / "data", train=rows[:32], transfer=free, validation=rows[600:650])
    return teacher, student, data


def _order(number: int, chance: random.Random) -> dict[str, Any]:
    people, at = chance.randint(2, 9), f"{chance.randint(17, 21)}:{chance.choice((0, 15, 30, 45)):02}"
    said = chance.choice(ASK).format(n=people, t=at)
    answer = json.dumps({"people": people, "time": at})
    return {"id": str(number), "messages": [{"role": "user", "content": said}], "completion": answer}


def _data(folder: Path, **splits: list[dict[str, Any]]) -> Dataset:
    folder.mkdir()
    for split, rows in splits.items():
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / f"{split}.parquet")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


if __name__ == "__main__":
    main()
