"""Families x steps as a table for the docs: families are tried in processes of their own, results are kept.

A lane is a table of its own on docs/families.md, between marks, so that no lane writes over another's.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click


@dataclass(frozen=True)
class Cell:
    """What a step made of a family."""

    word: str
    """`right`, `refused`, or `broken` for an error that isn't said in one line."""
    by: float | None = None
    """How far the step's answers are off, as the lane measures it."""
    says: str = ""
    """The error's line; of a step that is right, what else is shown."""


Cells = dict[str, Cell]


@dataclass(frozen=True)
class Lane:
    """Families that are tried with the same steps."""

    heading: str
    """Of its part of the page."""
    about: Sequence[str]
    """Lines below the heading."""
    families: Mapping[str, str]
    """Name on the command line -> name in the table."""
    tables: Mapping[str, Sequence[str]]
    """Line above a table -> its steps: one table with all of them couldn't be read."""
    tried: Callable[[str], Cells]
    """What every step makes of a family; a function of a module, for it runs in another process."""
    plugins: Callable[[], Iterable[Any]]
    """The plugins whose code the results depend on."""
    files: Sequence[Path]
    """Files of the tests that they depend on."""
    packages: Sequence[str]

    def command(self) -> click.Command:
        """The lane's command line."""

        @click.command(
            help=f"{self.heading}: every step on a small model of the families in ONLY, or of all."
        )
        @click.argument("only", nargs=-1)
        @click.option(
            "--to", type=click.Path(path_type=Path), help="The page to write on; default: the terminal."
        )
        @click.option(
            "--work", type=click.Path(path_type=Path), help="Keep results here, and go on from them."
        )
        @click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Processes.")
        def main(only: tuple[str, ...], to: Path | None, work: Path | None, jobs: int) -> None:
            if unknown := set(only) - set(self.families):
                raise click.UsageError(
                    f"no such family: {', '.join(sorted(unknown))} (known: {', '.join(self.families)})"
                )
            chosen = [family for family in self.families if family in only or not only]
            rows = self._rows(chosen, work, jobs)
            text = self.section(rows)
            if to is None:
                click.echo(text)
            else:
                to.write_text(replaced(to.read_text(encoding="utf-8"), self.heading, text), encoding="utf-8")
            broken = [f"{family} {step}" for family in rows for step in self.broken(rows[family])]
            if broken:
                raise SystemExit(f"an error that isn't one line: {', '.join(broken)}")

        return main

    def _rows(self, chosen: Sequence[str], work: Path | None, jobs: int) -> dict[str, Cells]:
        """Results by family: kept ones where there are, the others made now."""
        with tempfile.TemporaryDirectory(prefix="families-") as scratch:
            kept = (work or Path(scratch)) / self._state()
            kept.mkdir(parents=True, exist_ok=True)
            fresh = [family for family in chosen if not (kept / f"{family}.json").exists()]
            # Spawned anew for each: a family's networks are gone from memory when it is done.
            with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
                waiting = {pool.submit(_timed, self.tried, family): family for family in fresh}
                for done in as_completed(waiting):
                    cells, seconds = done.result()
                    file = kept / f"{waiting[done]}.json"
                    file.write_text(
                        json.dumps({step: asdict(cell) for step, cell in cells.items()}, indent=1)
                    )
                    click.echo(f"{waiting[done]}: {seconds:.0f} s", err=True)
            return {family: _read(kept / f"{family}.json") for family in chosen}

    def _state(self) -> str:
        """Digest of what the results depend on: our code, the packages, the files of the lane."""
        from slmworks.execution.identity import code_digest

        code = [code_digest(plugin) for plugin in self.plugins()]
        ours = [file.read_bytes().hex() for file in (Path(__file__), *self.files)]
        installed = [f"{name} {version(name)}" for name in self.packages]
        return hashlib.sha256(json.dumps([code, ours, installed]).encode()).hexdigest()[:16]

    def broken(self, cells: Cells) -> list[str]:
        """Steps whose error isn't one line."""
        return [step for step in cells if cells[step].word == "broken"]

    def section(self, rows: Mapping[str, Cells]) -> str:
        """The lane's part of the page as Markdown, with each refusal's words once below the table."""
        import slmworks

        words: list[str] = []
        lines = [
            f"## {self.heading}",
            "",
            *self.about,
            "",
            f"slmworks {slmworks.__version__} · "
            + " · ".join(f"{name} {version(name)}" for name in self.packages),
            "",
        ]
        for title, steps in self.tables.items():
            lines += [f"{title}:", "", f"| family | {' | '.join(steps)} |", f"|---|{'---|' * len(steps)}"]
            for family, cells in rows.items():
                shown = [_shown(cells.get(step), words) for step in steps]
                lines.append(f"| {self.families[family]} | {' | '.join(shown)} |")
            lines.append("")
        lines += [f"{number}. {word}" for number, word in enumerate(words, 1)]
        return "\n".join(lines).rstrip() + "\n"


def _timed(tried: Callable[[str], Cells], family: str) -> tuple[Cells, float]:
    """What every step makes of the family, and the seconds that it took."""
    started = time.monotonic()
    return tried(family), time.monotonic() - started


def _read(file: Path) -> Cells:
    return {step: Cell(**cell) for step, cell in json.loads(file.read_text()).items()}


def attempt(run: Callable[[], float | Cell]) -> Cell:
    """The cell of a step: what `run` gives, a number as a cell that is right; or its error."""
    from slmworks.contract.errors import BadRequest, TaskFailed

    try:
        found = run()
        return found if isinstance(found, Cell) else Cell("right", found)
    except (BadRequest, TaskFailed) as error:
        said = str(error)
        return Cell("broken" if "\n" in said else "refused", says=said)
    except Exception as error:
        # a hole in a check, whatever a library raised through it
        return Cell("broken", says=f"{type(error).__name__}: {error}")


def replaced(page: str, heading: str, text: str) -> str:
    """The page with a lane's part in place of what stands between its marks."""
    start, end = (f"<!-- {word}: {heading} -->\n" for word in ("begin", "end"))
    if page.count(start) != 1 or page.count(end) != 1:
        raise SystemExit(f"the page has no place for '{heading}': it needs {start.strip()} and {end.strip()}")
    before, rest = page.split(start)
    _, after = rest.split(end)
    return f"{before}{start}{text}{end}{after}"


def _shown(cell: Cell | None, words: list[str]) -> str:
    if cell is None:
        return "—"
    if cell.word == "right":
        number = "" if cell.by is None else f"{cell.by:.1g}" if cell.by >= 1e-5 else "0"
        return f"{number} {cell.says}".strip()
    if cell.says not in words:
        words.append(cell.says)
    sign = "" if cell.word == "refused" else "**broken** "
    return f"{sign}({words.index(cell.says) + 1})"
