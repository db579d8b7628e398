"""`slmworks predict`. Imported to list commands too, so what takes time to import is imported inside."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slmworks.cli.console import Columns, say
from slmworks.cli.keys import trusted_keys_option
from slmworks.cli.places import Places, with_places

if TYPE_CHECKING:
    from slmworks_text.predict.judged import Judged
    from slmworks_text.predict.predict import Told

EVERY = 10.0
"""Seconds between two lines of progress, where nobody looks …"""
SOON = 0.5
"""… and where somebody does."""
SHOWN = 10
"""Labels whose share of right answers is shown, the worst first."""


@click.command(short_help="Answer every row of a file with an approved model.")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write: .csv, .tsv, .jsonl or .parquet.",
)
@click.option("--text", metavar="COLUMN", help="The column that is asked about.")
@click.option(
    "--label",
    metavar="COLUMN",
    help="The column of the truth: then answers are judged. Default: by its name.",
)
@click.option("--report", type=click.Path(path_type=Path), help="Write what was judged as JSON.")
@click.option("--all", "whole", is_flag=True, help="Write lists and objects of an answer too (all scores).")
@click.option("--format", "format_", help="csv, tsv, jsonl, json, parquet or lines. Default: by its ending.")
@click.option("--delimiter", default="", help="Sign between the values of a csv file. Default: a comma.")
@click.option("--encoding", default="utf-8", show_default=True, help="Encoding of the file.")
@click.option(
    "--columns", default="", metavar="A,B,…", help="Names of the columns of a file without a header."
)
@click.option("--overwrite", is_flag=True, help="Replace the output, if it is there.")
@click.option(
    "--threads", type=click.IntRange(min=1), help="Batches computed side by side; default: the cores."
)
@trusted_keys_option
@with_places()
def predict(
    name: str,
    file: Path,
    target: Path,
    text: str | None,
    label: str | None,
    report: Path | None,
    threads: int | None,
    places: Places,
    *,
    whole: bool,
    overwrite: bool,
    **how: str,
) -> None:
    """Answer every row of FILE with NAME (the champion; NAME@3: an approved version), and write them all.

    Every column stays; the answer's stand beside them: predicted_label and predicted_score of a classifier,
    predicted_text of a generator. Where the file has the truth, the answers are judged. Rows that can't be
    answered stay empty, and are counted. Nothing is written before the whole file was read.
    """
    from slmworks.api.predictor import Predictor, named
    from slmworks.registry.log import Registry
    from slmworks.registry.release import approved_release
    from slmworks_text.predict.predict import Predicting, refuse_target
    from slmworks_text.predict.table import Asked, Table
    from slmworks_text.predict.written import kind_of

    wanted, version = named(name)
    table = Table.open(file, _layout(how))
    for one in (target, report):
        if one is not None:
            refuse_target(file, one, overwrite=overwrite)
    kind = kind_of(target)
    model = Predictor(approved_release(Registry(places.store), wanted, version), threads=threads)
    asked = Asked.find(table, model.task, text)
    truth, judged = _truth(model, table, label, asked.text)
    if report is not None and judged is None:
        raise click.UsageError("--report needs the truth: --label COLUMN.")
    work = Predicting(model, table, asked, kind(target), truth, judged, whole)
    told = work.run(_progress())
    if judged is not None and judged.n:
        _show(judged, truth)
        if report is not None:
            _write(
                report,
                judged,
                {"model": model.name, "version": model.version, "digest": model.digest, "file": file.name},
            )
    _end(told, target, repr(model))


def _layout(how: dict[str, Any]) -> Any:
    from pydantic import TypeAdapter, ValidationError

    from slmworks.contract.errors import BadRequest
    from slmworks_text.layout import Layout

    names = [name.strip() for name in how["columns"].split(",") if name.strip()]
    given = {
        "format": how["format_"] or None,
        "columns": names,
        "encoding": how["encoding"],
        **({"delimiter": how["delimiter"]} if how["delimiter"] else {}),
    }
    try:
        return TypeAdapter(Layout).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadRequest(f"--{first['loc'][0]} {first['input']}: {first['msg']}.") from None


def _truth(model: Any, table: Any, label: str | None, text: str) -> "tuple[str, Judged | None]":
    """The column of the truth and who judges; nobody where none is named and none has the target's name."""
    from slmworks.contract.errors import BadRequest
    from slmworks.contract.model_task import ModelTask
    from slmworks_text.predict.judged import Judged

    target = model.task.targets[0]
    if label is None and (target not in table.columns or type(model.task).judged is not ModelTask.judged):
        return "", None
    column = table.column(label or target, "--label")
    if column == text:
        raise BadRequest(f"--label {column}: that is the column that is asked about.")
    return column, Judged(model.task, model.labels)


def _progress() -> Any:
    seen = sys.stderr.isatty()
    last = begun = time.monotonic()

    def tell(rows: int, share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < (SOON if seen else EVERY):
            return
        last = now
        words = f"{rows:,} rows · {share:.0%} · {rows / (now - begun):,.0f} rows/s"
        click.echo(f"\r{words}  " if seen else words, err=True, nl=not seen)

    return tell


def _show(judged: "Judged", truth: str) -> None:
    """The measures, and the labels with the fewest right answers."""
    from slmworks.numbers import figures

    found = judged.report()
    table = Columns(("measure", "value (95 % interval)", "rows"), wrap=())
    for name, value in found["measures"].items():
        written = judged.task.written(name)
        table.add(judged.task.title(name), figures.interval(value, written), f"{found['n']:,}")
    table.show()
    by_label = found["slices"].get(judged.task.targets[0], {})
    if len(by_label) > 1:
        first = judged.task.measures[0]
        worst = sorted(by_label.items(), key=lambda one: (one[1]["value"], -one[1]["n"]))[:SHOWN]
        shown = Columns((truth, first.title, "rows"), wrap=(truth,))
        for value, numbers in worst:
            shown.add(value, figures.interval(numbers, first.written), f"{numbers['n']:,}")
        shown.show()
    if judged.unknown:
        rows = sum(judged.unknown.values())
        some = ", ".join(list(judged.unknown)[:5])
        say(
            f"note   {rows:,} rows have a truth that the model has no label for ({some}): counted as wrong",
            err=True,
        )


def _write(report: Path, judged: "Judged", about: dict[str, Any]) -> None:
    content = {**about, **judged.report()}
    report.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _end(told: "Told", target: Path, model: str) -> None:
    if sys.stderr.isatty():
        click.echo("\r\033[K", err=True, nl=False)
    if told.truncated:
        share = told.truncated / told.rows
        say(
            f"note   of {told.truncated:,} texts ({share:.1%}) only the beginning was read: too long",
            err=True,
        )
    if told.out_of_scope:
        share = told.out_of_scope / told.rows
        say(f"note   {told.out_of_scope:,} texts ({share:.1%}) are out of the model's scope", err=True)
    if missed := told.unanswered.total():
        say(f"note   {missed:,} rows have no answer; the first: {told.first}", err=True)
    pace = f"{told.seconds:.1f} s, {told.rows / max(told.seconds, 1e-9):,.0f} rows/s"
    say(f"{told.rows:,} rows by {model} in {target} · {pace}")
