"""Output of a gate's verdict in a terminal: the table, the sentence and the page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slmworks.cli.console import say
from slmworks.contract.artifact import Verdict
from slmworks.contract.plain_text import one_line

if TYPE_CHECKING:
    from slmworks.contract.manifest import Manifest
    from slmworks.store import Store


def show_verdicts(store: "Store", run: str, made: "Mapping[str, Manifest | None]") -> None:
    """Print every verdict among the results of a run, and write its page beside the run's records."""
    for task_id, manifest in made.items():
        if manifest is not None and manifest.kind == "Verdict" and manifest.digest:
            _show(store, run, task_id, manifest.digest)
    show_seeds(store, run, made)


def show_seeds(store: "Store", run: str, made: "Mapping[str, Manifest | None]") -> None:
    """Print mean and spread of what differs by its seed only."""
    from slmworks.execution.records import run_record
    from slmworks.packet.seeds import over_seeds

    record = run_record(store, run)
    for sentence in over_seeds(record.plan, made) if record else ():
        say(f"seeds  {one_line(sentence)}")


def show_waiting(waiting: tuple[str, int] | None, places: str) -> None:
    """Print the version that waits for a decision, and the command; `places`: its options for the store."""
    if waiting:
        name, version = waiting
        say(
            f"waits  {name} v{version} is candidate. Approve it:  "
            f'slmworks approve {name} {version} --because "…"{places}'
        )


def _show(store: "Store", run: str, task_id: str, digest: str) -> None:
    from slmworks.cli.console import console
    from slmworks.packet import table
    from slmworks.packet.gather import packet

    verdict = Verdict(path=store.folder(digest)).read()
    say()
    if verdict.get("rows"):  # a gate of a stranger may say only what it decided
        console().print(table(verdict))
    sentence = verdict.get("sentence") or ("passed" if verdict.get("passed") else "refused")
    say(f"gate   {one_line(sentence)}")
    page = f"runs/{run}/{task_id}.html"
    store.write(page, packet(store, digest, run)[1].encode())
    say(f"page   {store.root / page}")
