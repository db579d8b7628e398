"""`slmworks models --audit`: every approval log, held against what else is known of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from slmworks.cli.console import say
from slmworks.contract.errors import BadRequest, CorruptObject

if TYPE_CHECKING:
    from slmworks.execution.records import TaskRecord
    from slmworks.registry.audit import Audit, Claim
    from slmworks.store import Store


def audit_logs(store: "Store", name: str, heads: Path | None, tracking: str) -> None:
    """Print what an audit found, and the head of each log; CorruptObject if anything is wrong."""
    from slmworks.registry.audit import audit, audited, kept

    claims = kept(heads) if heads else []
    claims += _of_runs(store)
    names = [name] if name else audited(store, claims)
    claims += _of_mlflow(tracking, names) if tracking else []
    found = [audit(store, one, claims) for one in names]
    if name and not found[0].log.written and not found[0].problems:
        raise BadRequest(f"no model is registered as '{name}' in {store.url}.")
    for one in found:
        _show(one)
    wrong = [one.name for one in found if one.problems]
    if wrong:
        count = sum(len(one.problems) for one in found)
        raise CorruptObject(
            f"{store.url}: the log of {', '.join(wrong)} is not what was written ({count} found). Restore it "
            "from a backup or the bucket's versions, and look who may write to registry/."
        )
    if not heads:
        say(
            "not seen: last entries changed or taken away, and whole logs written anew, where nothing "
            "names them. Keep these heads elsewhere, and hold the logs against them: --audit --heads FILE"
        )


def _show(found: "Audit") -> None:
    entries = len(found.log.written)
    since = found.log.chained_from
    chain = f"each holds the hash of the one before from {since:06d} on" if since else "without a chain"
    state = "wrong" if found.problems else "sound"
    say(
        f"{state}  {found.name}: {entries} {'entry' if entries == 1 else 'entries'}, {chain}; "
        f"{found.signed} of {found.decisions} decisions signed"
    )
    for problem in found.problems:
        say(f"       {problem}")
    if found.head:
        say(f"head   {found.head}")


def _of_runs(store: "Store") -> "list[Claim]":
    """Claims of the records of runs: what they registered, approved and deployed, and asked in Airflow."""
    from slmworks.execution.records import run_ids, task_records

    found = [claim for run in run_ids(store) for task in task_records(store, run) for claim in _of_task(task)]
    return [*found, *_of_questions(store)]


def _of_task(task: "TaskRecord") -> Iterator["Claim"]:
    from slmworks.registry.audit import Claim

    made = task.manifest
    if made is None or made.kind not in ("Release", "Deployment"):
        return
    name, version = made.meta.get("name"), made.meta.get("version")
    if isinstance(name, str) and isinstance(version, int):
        released = made.kind == "Release"
        yield Claim(
            name=name,
            source=task.key,
            version=version,
            release=made.digest if released else "",
            approved=task.traits.barrier or not released,
        )


def _of_questions(store: "Store") -> Iterator["Claim"]:
    from slmworks.engines.airflow.review import questions
    from slmworks.registry.audit import Claim

    for key, said in questions(store):
        yield Claim(name=said["name"], source=key, entries=said["entries"])


def _of_mlflow(uri: str, names: list[str]) -> Iterator["Claim"]:
    from slmworks.registry.audit import Claim
    from slmworks.tracking.aliases import glance
    from slmworks.tracking.connection import without_credentials

    for name in names:
        shown = glance(uri, name)
        if shown is None:
            say(f"not asked: MLflow at {without_credentials(uri)}, which does not answer")
            return
        if shown.upto:
            yield Claim(name=name, source="MLflow", entries=shown.upto, sha256=shown.head)
