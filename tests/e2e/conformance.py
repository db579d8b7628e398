"""One recipe on every engine, each with a store of its own: a table of what came out, for the docs.

    make conformance                      # the first recipe: an hour on two cores
    make conformance RECIPE=pipelines/compress.yaml SMALLER="--with curate.rows=500 --with teacher.epochs=1"

A recipe's table stands between its marks on the page, so that no recipe writes over another's. All engines use the
threads that `--cores` says: sums of floating point numbers depend on them.
"""

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "engines"), str(HERE.parent / "airflow")]

from family_lane import replaced  # noqa: E402 - a script, whose neighbours are looked for

ENGINE = "images: registry.example/works\ndefaults: {cpu: CORES}\nairflow: {python: PYTHON}\n"
TIMED = ("gate", "register")
"""Stages whose results hold times that evaluate/speed measured, which no two runs share."""


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--to", type=click.Path(path_type=Path), help="Where to write the table; default: the terminal."
)
@click.option(
    "--with",
    "changes",
    multiple=True,
    metavar="STEP.OPTION=VALUE",
    help="Another value of an option, to take less time; of a recipe without files of its own. Repeat for more.",
)
@click.option("--cores", default=1, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), help="Keep the stores here, and go on from them.")
def main(recipe: Path, to: Path | None, changes: tuple[str, ...], cores: int, work: Path | None) -> None:
    """Run RECIPE on the local engine, on Kubeflow (kfp.local) and on Airflow (dag.test), and compare."""
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe

    folder = work.absolute() if work else Path(tempfile.mkdtemp(prefix="conformance-"))
    named = "/".join(recipe.parts[-2:])
    if changes:
        recipe = changed(recipe, changes, folder)
    planned = plan(Recipe.read(recipe))
    engine = ENGINE.replace("CORES", str(cores))
    came = {}
    for name, run in (("local", local), ("Kubeflow", kubeflow), ("Airflow", airflow)):
        click.echo(f"{name} …", err=True)
        came[name] = run(recipe.absolute(), folder / name.lower(), engine, cores)
    text = section(planned, came, cores, named, changes)
    if work is None:
        shutil.rmtree(folder)
    if to is None:
        click.echo(text)
    else:
        page = to.read_text(encoding="utf-8")
        to.write_text(replaced(page, planned.recipe.name, text), encoding="utf-8")
    untimed = [task.id for task in planned if not timed(task)]
    differing = [task for task in untimed if len({made.get(task) for made in came.values()}) > 1]
    if differing:
        raise SystemExit(f"not the same on every engine: {', '.join(differing)}")


def timed(task) -> bool:
    """Whether what the task came to holds times."""
    return task.stage in TIMED or task.plugin == "speed"


def changed(recipe: Path, changes: Sequence[str], folder: Path) -> Path:
    """A copy of the recipe in the folder, with other values of options."""
    from ruamel.yaml import YAML

    yaml = YAML()
    said = yaml.load(recipe.read_text(encoding="utf-8"))
    for change in changes:
        where, _, value = change.partition("=")
        step, _, option = where.partition(".")
        if step not in said["steps"] or not option or not value:
            raise click.UsageError(f"--with {change}: no STEP.OPTION=VALUE of a step of {recipe}")
        said["steps"][step].setdefault("with", {})[option] = YAML(typ="safe").load(value)
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / recipe.name
    with copy.open("w", encoding="utf-8") as file:
        yaml.dump(said, file)
    return copy


def local(recipe: Path, folder: Path, engine: str, cores: int) -> dict[str, str]:
    """Task -> digest of what it came to, on the local engine."""
    from slmworks.cli.display import Plain
    from slmworks.engines.local import Run
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe
    from slmworks.store import open_store

    store = open_store(str(folder))
    running = Run(plan(Recipe.read(recipe)), store, cores, Plain())
    running.execute()
    return digests(store, running.id)


def kubeflow(recipe: Path, folder: Path, engine: str, cores: int) -> dict[str, str]:
    """The same from the compiled pipeline."""
    from local_kfp import compiled, run_pipeline

    from slmworks.store import open_store

    store = open_store(str(folder))
    return run_pipeline(compiled(recipe, store, engine).first, store, folder.with_name("root")).digests


def airflow(recipe: Path, folder: Path, engine: str, cores: int) -> dict[str, str]:
    """The same from the DAG, with somebody who approves."""
    import subprocess

    from homes import Home, interpreter

    from slmworks.execution.records import run_ids, run_record
    from slmworks.store import open_store

    home = Home(folder.with_name("home"), interpreter())
    shutil.rmtree(home.folder, ignore_errors=True)
    home.dags.mkdir(parents=True)
    home.engine(f"store: {folder}\n{engine}")
    home.dag("one", f'from slmworks.engines.airflow import render\ndag = render("{recipe}", dag_id="one")\n')
    subprocess.run(
        [str(home.python), "-m", "airflow", "db", "migrate"],
        env=home.variables(),
        check=True,
        capture_output=True,
    )
    answer = {"user": "anna", "option": "Approve", "reason": "it conforms"}
    ended = home.drive(timeout=7200, dag="one", answer=answer)
    if ended.said["state"] != "success":
        raise SystemExit(ended.log[-3000:])
    store = open_store(str(folder))
    return digests(store, max(run_ids(store), key=lambda run: run_record(store, run).started))


def digests(store, run: str) -> dict[str, str]:
    """Task -> digest of what it came to."""
    from slmworks.execution.records import task_records

    return {task.task: task.manifest.digest for task in task_records(store, run) if task.manifest}


def section(
    planned, came: Mapping[str, Mapping[str, str]], cores: int, named: str, changes: Sequence[str]
) -> str:
    """The recipe's part of the page as Markdown."""
    import slmworks
    from slmworks.machine.process import cpu_name

    less = f" with {', '.join(f'`{change}`' for change in changes)}" if changes else ""
    lines = [
        f"## {planned.recipe.name}",
        "",
        f"Recipe `{named}`{less} · slmworks {slmworks.__version__} · {cores} thread(s) · {cpu_name()}",
        "",
        f"| task | stage | {' | '.join(came)} | |",
        f"|---|---|{'---|' * len(came)}---|",
    ]
    for task in planned:
        made = [came[engine].get(task.id, "") for engine in came]
        if not any(made):
            continue
        said = "holds times" if timed(task) else "same" if len(set(made)) == 1 else "**differs**"
        cells = [f"`{digest[:12]}`" if digest else "—" for digest in made]
        lines.append(f"| {task.id} | {task.stage} | {' | '.join(cells)} | {said} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
