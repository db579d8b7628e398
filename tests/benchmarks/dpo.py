"""align/dpo beside trl's DPOTrainer with a second model: equal pairs, batches, optimizer and threads.

    .venv/bin/python -m pip install --no-deps --target /tmp/trl trl datasets dill multiprocess xxhash accelerate
    PYTHONPATH=/tmp/trl .venv/bin/python tests/benchmarks/dpo.py FOLDER [--pairs 12] [--arms trl,ours]

FOLDER is a causal language model as `export/hf` writes it (SmolLM2-135M-Instruct, docs/generation.md). Each arm
is a process of its own: float32, one epoch, AdamW with the same schedule and clipping at 1. `trl` takes the very
batches that we take. The loss of each step is printed, since equal work must give equal losses. CPU seconds are
of one thread, for the steps alone; what the reference costs us once, for the ledger, is printed beside them.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from slmworks.contract.artifact import Model
from slmworks.contract.stage import Task
from slmworks.testing import Bench, sealed
from slmworks_torch import devices, training
from slmworks_torch.causal import chat_model, pairs, reference
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.causal.dpo import DirectPreferenceOptimisation
from slmworks_torch.causal.pairs import Pairs
from slmworks_torch.causal.preference import Preference
from slmworks_torch.loop import Loop

BATCH = 4
OPTIONS = DirectPreferenceOptimisation(
    epochs=1,
    batch_size=BATCH,
    learning_rate=1e-5,
    warmup=0.0,
    most_drift=1e9,
    tokens_at_once=1024,
    precision="float32",  # bfloat16 where a processor has it
)
WORDS = [
    "table",
    "window",
    "garden",
    "quiet",
    "party",
    "birthday",
    "vegan",
    "chairs",
    "early",
    "late",
    "friends",
    "family",
    "corner",
    "music",
]


def main() -> None:
    """Measure each arm in a process of its own, and print."""
    asked = _asked()
    if asked.arm:
        print(json.dumps(_measured(asked)))
        return
    found = {}
    print(f"{'':<6}{'CPU s':>9}{'reference':>11}{'speed':>8}{'peak MB':>9}{'of first':>10}", flush=True)
    for arm in asked.arms.split(","):
        command = [sys.executable, __file__, str(asked.folder), "--pairs", str(asked.pairs), "--arm", arm]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            sys.exit(ended.stderr)
        one = found[arm] = json.loads(ended.stdout.splitlines()[-1])
        base = next(iter(found.values()))
        print(
            f"{arm:<6}{one['cpu']:>9.1f}{one['reference']:>11.1f}{base['cpu'] / one['cpu']:>8.2f}"
            f"{one['peak']:>9.0f}{one['peak'] / base['peak']:>10.2f}",
            flush=True,
        )
    for arm, one in found.items():
        print(f"{arm:<6}{' '.join(f'{loss:8.5f}' for loss in one['losses'])}")


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--pairs", type=int, default=12, help=f"a multiple of {BATCH}")
    options.add_argument("--arms", default="trl,ours", help="the first is the base")
    options.add_argument("--arm", help=argparse.SUPPRESS)
    return options.parse_args()


def _measured(asked: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        task = bench.task("run", threads=1)
        training.prepare(task)
        given = sealed(Model(path=asked.folder, format="hf"))
        model = chat_model.load(given, port="model")
        made = rows(model, asked.pairs)
        arm = {"ours": ours, "trl": trl}[asked.arm]
        found = arm(model, given, made, task, bench)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**found, "peak": peak}


def rows(model: ChatModel, count: int) -> Pairs:
    """Orders, answered as JSON or in words."""
    chance = random.Random(0)
    made = []
    for number in range(count):
        people, hour = chance.randint(2, 9), chance.randint(17, 21)
        words = " ".join(chance.choices(WORDS, k=min(60, round(chance.lognormvariate(3.0, 0.5)))))
        asked = f"Book a table for {people} at {hour}:30, please. {words}."
        made.append(
            {
                "id": str(number),
                "messages": [{"role": "user", "content": asked}],
                "completion": f'{{"people": {people}, "time": "{hour}:30", "note": "{words[:60]}"}}',
                "rejected": f"Sure, I have noted a table for {people} people at {hour}:30. Anything else?",
            }
        )
    return pairs.forked(model.net, pairs.encode(model, made, split="train", max_length=256))


def loop_of(net: Any, given: Pairs, known: Any, task: Task) -> Loop:
    """Our loop, not begun yet; one pair is validated."""
    few = Pairs(type(given.answers)(given.answers.ids[:2], given.answers.starts[:2]))
    objective = Preference(given, few, (known, known[:2]), OPTIONS, devices.device())
    return Loop(net, objective, OPTIONS, task)


def ours(model: ChatModel, given: Model, made: Pairs, task: Task, bench: Bench) -> dict[str, Any]:
    """The reference into the ledger, then one epoch."""
    began = time.process_time()
    (known,) = reference.log_probabilities(model.net, given, [made.answers], "float32", task)
    between = time.process_time()
    loop_of(model.net, made, known, task).run()
    ended = time.process_time()
    logged = [event["metrics"] for event in bench.events if event["event"] == "metrics"]
    losses = [one["loss"] for one in logged if "loss" in one]
    return {"losses": losses, "cpu": ended - between, "reference": between - began}


def trl(model: ChatModel, given: Model, made: Pairs, task: Task, _bench: Bench) -> dict[str, Any]:
    """One epoch by DPOTrainer, with our optimizer, schedule and batches, and a second model."""
    from datasets import Dataset as Table
    from transformers import PrinterCallback
    from trl import DPOConfig, DPOTrainer

    (known,) = ([torch.zeros(length) for length in made.answers.answers],)
    loop = loop_of(model.net, made, known, task)
    order = [
        pair for batch in next(loop.objective.epochs(loop.options.batch_size, task.seed)) for pair in batch
    ]
    ids, starts = made.answers.ids, made.answers.starts
    table = {
        "prompt_ids": [ids[2 * pair][: starts[2 * pair]] for pair in order],
        "chosen_ids": [ids[2 * pair][starts[2 * pair] :] for pair in order],
        "rejected_ids": [ids[2 * pair + 1][starts[2 * pair + 1] :] for pair in order],
    }

    class InOrder(DPOTrainer):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *_given: Any) -> Any:
            return dataset

        def _get_train_sampler(self, *_given: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    settings = DPOConfig(
        output_dir=str(task.scratch / "trl"),
        num_train_epochs=1,
        per_device_train_batch_size=BATCH,
        beta=OPTIONS.beta,
        max_grad_norm=1.0,
        max_length=None,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
    )
    optimizer = torch.optim.AdamW(
        training.groups(model.net, OPTIONS.weight_decay), lr=OPTIONS.learning_rate, fused=True
    )
    steps = loop.steps
    del loop
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: training.share_of_rate(step, steps, 0.0)
    )
    trainer = InOrder(
        model=model.net,
        ref_model=chat_model.load(given, port="model").net,
        args=settings,
        train_dataset=Table.from_dict(table),
        processing_class=model.chat.tokenizer,
        optimizers=(optimizer, schedule),
    )
    trainer.remove_callback(PrinterCallback)
    began = time.process_time()
    trainer.train()
    seconds = time.process_time() - began
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"losses": losses, "cpu": seconds, "reference": 0.0}


if __name__ == "__main__":
    main()
