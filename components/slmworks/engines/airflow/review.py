"""What a reviewer is asked in Airflow, and how the answer gets into the approval log.

The log is the truth, and whoever writes to it first wins. Nothing of Airflow is imported here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from slmworks.approve.compared import not_compared
from slmworks.contract.errors import BadRequest
from slmworks.engines.airflow.form import APPROVE, REASON, REJECT
from slmworks.engines.close_run import packet_key
from slmworks.execution.records import TaskRecord, made_by, run_ids, run_record, task_records
from slmworks.registry.log import Registry
from slmworks.registry.state import Entry, ModelState, Version, replay
from slmworks.store import Store
from slmworks.tracking.connection import without_credentials

NO_REASON = "no reason was given"


@dataclass(frozen=True)
class Question:
    """A version that waits for a decision, or about which one was taken."""

    store: Store
    run: str
    state: ModelState
    version: Version

    @classmethod
    def of(cls, store: Store, run: str, register: str) -> "Question":
        """The version that the task `register` of a run came to."""
        made = made_by(store, run, register)
        name, number = str(made.meta["name"]), int(made.meta["version"])
        state = Registry(store).state(name)
        return cls(store, run, state, state.version(number))

    @property
    def label(self) -> str:
        """Name and version for people."""
        return f"{self.state.name} v{self.version.number}"

    @property
    def decided(self) -> str:
        """What was decided, by whom and why, in a sentence; empty while it waits."""
        entry = self.version.decided
        if entry is None:
            return ""
        return f"{self.label} was {self.version.status} by {entry.who} on {entry.when[:10]}: {entry.why}"

    @property
    def is_news(self) -> bool:
        """Whether it was decided since this run began: an earlier decision has had its consequences."""
        run = run_record(self.store, self.run)
        return bool(self.version.decided and run and self.version.decided.when >= run.started)

    @property
    def settled(self) -> str:
        """Why nothing follows and nobody has to be asked, in a sentence; empty where something can."""
        champion = self.state.champion
        if self.version.status in ("rejected", "rolled-back"):
            return self.decided
        if self.version.status == "approved" and champion and champion.number != self.version.number:
            return f"{self.label} was followed by v{champion.number}"
        return ""

    def subject(self) -> str:
        """The question in one line."""
        champion = self.state.champion
        instead = f"instead of v{champion.number}" if champion else "as the first champion"
        return f"{self.label}: approve it {instead}?"

    def body(self, tracking: str, reviewers: Sequence[str] = ()) -> str:
        """The reviewer's packet as Markdown, whom the recipe asks, and where to look further."""
        entry = self.version.registered
        packet = (self.store.read(packet_key(self.run)) or b"").decode()
        problem = not_compared(self.store, self.state, self.version)
        parts = [
            f"**Attention: {problem}**" if problem else "",
            packet or "There is no packet for this version; see the log of the task `close`.",
            f"Model `sha256:{entry.model_digest}` · run `{self.run}`",
            self._links(tracking),
            f"The recipe asks {', '.join(reviewers)}." if reviewers else "",
            "Approval makes it the champion. A rejection is for good: the same bytes stay rejected.",
        ]
        return "\n\n".join(part for part in parts if part)

    def _links(self, tracking: str) -> str:
        if not tracking.startswith(("http://", "https://")):
            return ""
        page = f"{without_credentials(tracking).rstrip('/')}/#/models/{quote(self.state.name, safe='')}"
        return f"[{self.state.name} in MLflow]({page})"

    def keep(self, ask: str, *, assigned: bool) -> None:
        """Remember what was asked, and of whom: the state of the log is part of what they decide on."""
        seen = {
            "name": self.state.name,
            "version": self.version.number,
            "entries": len(self.state.entries),
            "compared": not not_compared(self.store, self.state, self.version),
            "assigned": assigned,
        }
        self.store.write(_asked(self.run, ask), json.dumps(seen).encode())


@dataclass(frozen=True)
class Answer:
    """What a person said in Airflow."""

    action: Literal["approve", "reject"]
    who: str
    """Airflow's user; empty when nobody answered in time."""
    why: str

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Answer":
        """Understand what Airflow hands on of the answer."""
        chosen = list(said.get("chosen_options") or [])
        if chosen not in ([APPROVE], [REJECT]):
            raise BadRequest(f"the answer is {chosen}, which is neither {APPROVE} nor {REJECT}; ask again.")
        user = said.get("responded_by_user") or {}
        who = str(user.get("name") or user.get("id") or "") if isinstance(user, Mapping) else str(user)
        why = str((said.get("params_input") or {}).get(REASON) or "").strip()
        return cls("approve" if chosen == [APPROVE] else "reject", who, why)


def record(store: Store, run: str, ask: str, answer: Answer) -> tuple[Entry, bool]:
    """Write the answer to the log: the entry, and whether it is a new one.

    BadRequest when somebody decided otherwise meanwhile, or made another version the champion: the first
    word counts, and this one is told. The same decision again is none.
    """
    seen = json.loads(store.read(_asked(run, ask)) or b"{}")
    if not seen:
        raise BadRequest(f"run {run} has no note of what was asked by {ask}; clear that task to ask again.")
    name, number = seen["name"], int(seen["version"])
    registry = Registry(store)
    state = registry.state(name)
    version = state.version(number)
    done = version.decided
    if done is not None and version.status == {"approve": "approved", "reject": "rejected"}[answer.action]:
        return done, False
    if done is not None:
        raise BadRequest(
            f"{name} v{number} was {version.status} by {done.who} on {done.when[:10]} ({done.why}), before "
            f"{answer.who or 'anybody'} answered {answer.action} here. The first word counts; see "
            f"slmworks models {name}."
        )
    who, how = answer.who or "nobody", _how(answer, assigned=seen["assigned"])
    why = answer.why or (NO_REASON if answer.who else "nobody answered in time")
    if answer.action == "reject":
        return registry.reject(name, number, who=who, how=how, why=why), True
    if not seen["compared"]:
        how += "; not compared with the champion"
    shown = replay(name, state.entries[: int(seen["entries"])])
    try:
        return registry.approve(name, number, who=who, how=how, why=why, seen=shown), True
    except BadRequest as error:
        raise BadRequest(f"{error} To be asked here again, clear {ask}.") from None


def _how(answer: Answer, *, assigned: bool) -> str:
    if not answer.who:
        return "airflow: the time to answer was over"
    return "airflow: signed in, a reviewer of the recipe" if assigned else "airflow: signed in"


def sentence(entry: Entry) -> str:
    """An entry of the log for people."""
    return f"{entry.name} v{entry.version} {entry.action}: {entry.who} ({entry.how}), {entry.why}"


def require_run_of(store: Store, run: str, register: str, name: str) -> None:
    """BadRequest unless a run registered a version of this model."""
    found = made_by(store, run, register).meta["name"]
    if found != name:
        raise BadRequest(f"run {run} registered {found}, and this is about {name}; name another run.")


def run_of_champion(store: Store, name: str, register: str, runs: Sequence[str]) -> str:
    """A run that came to today's champion: one of `runs`, else the newest; BadRequest when there is none."""
    champion = Registry(store).state(name).champion
    if champion is None:
        raise BadRequest(f"{name} has no champion; approve a version first. See slmworks models {name}.")
    for run in runs:
        record = TaskRecord.read(store, f"runs/{run}/{register}.json")
        if record and record.holds(name, champion.number):
            return run
    return _newest_run_of(store, name, champion)


def _newest_run_of(store: Store, name: str, champion: Version) -> str:
    found = [record for record in (run_record(store, run) for run in run_ids(store)) if record]
    for run in sorted(found, key=lambda one: one.started, reverse=True):
        tasks = task_records(store, run.run)
        if any(task.stage == "register" and task.holds(name, champion.number) for task in tasks):
            return run.run
    raise BadRequest(f"no run in {store} registered {name} v{champion.number}; name one in the form.")


def _asked(run: str, ask: str) -> str:
    return f"runs/{run}/asked/{ask}"
