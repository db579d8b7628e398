"""Question to a reviewer in Airflow, and its answer as an entry of the approval log.

The log is the truth, and its first writer wins. Nothing of Airflow is imported here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import quote

from slmworks.approve.compared import not_compared
from slmworks.approve.decide import NOBODY, Decision, answered
from slmworks.approve.reviewers import Reviewers, not_requester
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.plain_text import one_line
from slmworks.engines.airflow.form import APPROVE, REASON, REJECT
from slmworks.engines.close_run import packet_key
from slmworks.execution.history import runs_with
from slmworks.execution.records import made_by, run_record, task_record
from slmworks.packet.markdown import attention
from slmworks.packet.markdown_text import code, escaped
from slmworks.packet.notice import limits
from slmworks.registry.log import Registry
from slmworks.registry.state import Entry, ModelState, Version, replay
from slmworks.store import Store
from slmworks.tracking.connection import without_credentials

NO_REASON = "no reason was given"


@dataclass(frozen=True)
class Question:
    """A version that waits for a decision, or was decided."""

    store: Store
    run: str
    state: ModelState
    version: Version

    @classmethod
    def of(cls, store: Store, run: str, register: str) -> "Question":
        """The version that the task `register` of a run registered."""
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
        """Decision, user and reason in a sentence; empty for a candidate."""
        entry = self.version.decided
        if entry is None:
            return ""
        said = f"{self.label} was {self.version.status} by {entry.who} on {entry.when[:10]}: {entry.why}"
        return one_line(said)

    @property
    def is_news(self) -> bool:
        """True if it was decided since this run began: an earlier decision has had its consequences."""
        run = run_record(self.store, self.run)
        return bool(self.version.decided and run and self.version.decided.when >= run.started)

    @property
    def settled(self) -> str:
        """The reason, in a sentence, for asking no one and running nothing more; empty if there is none."""
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

    def body(
        self,
        tracking: str,
        named: Sequence[str] = (),
        reviewers: Reviewers | None = None,
        *,
        page: str = "",
    ) -> str:
        """The reviewer's packet, links, and the recipe's reviewers (`named`: for people), as Markdown.

        As short as it can be: reason and buttons stand below it. `page`: the address of the whole packet.
        """
        entry = self.version.registered
        packet = (self.store.read(packet_key(self.run)) or b"").decode()
        problem = not_compared(self.store, self.state, self.version)
        notice = attention(limits(run_record(self.store, self.run)))
        starter = entry.started_by and f"{escaped(entry.started_by)} ({escaped(entry.started_how)})"
        but = " Somebody else must approve it." if reviewers and reviewers.but else ""
        people = [
            f"Started by {starter}.{but}" if starter else "",
            f"The recipe asks {escaped(', '.join(named))}." if named else "",
            "Approval makes it the champion. A rejection is for good: the same bytes stay rejected.",
        ]
        parts = [
            notice,
            f"**Attention: {escaped(problem)}**" if problem else "",
            packet.removeprefix(notice).lstrip()
            or "There is no packet for this version; see the log of the task `close`.",
            " · ".join(filter(None, [self._page(page), self._links(tracking)])),
            f"Model {code(f'sha256:{entry.model_digest}')}",
            " ".join(filter(None, people)),
        ]
        return "\n\n".join(part for part in parts if part)

    def _page(self, address: str) -> str:
        return (
            f"[The whole packet]({address}): answers gained and lost, slices, use and limits"
            if address
            else ""
        )

    def _links(self, tracking: str) -> str:
        if not tracking.startswith(("http://", "https://")):
            return ""
        page = f"{without_credentials(tracking).rstrip('/')}/#/models/{quote(self.state.name, safe='')}"
        return f"[{escaped(self.state.name)} in MLflow]({page})"

    def keep(self, ask: str, *, assigned: bool, reviewers: Reviewers | None = None) -> None:
        """Write down the question and the state of the log with it, for `record`."""
        seen = {
            "name": self.state.name,
            "version": self.version.number,
            "entries": len(self.state.entries),
            "compared": not not_compared(self.store, self.state, self.version),
            "assigned": assigned,
            "reviewers": (reviewers or Reviewers()).model_dump(mode="json"),
        }
        self.store.write(_asked(self.run, ask), json.dumps(seen).encode())


@dataclass(frozen=True)
class Answer:
    """A person's answer in Airflow."""

    action: Literal["approve", "reject"]
    who: str
    """Airflow's user; empty if the time to answer was over."""
    why: str

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Answer":
        """The answer from Airflow's event; BadRequest for an unknown option."""
        chosen = list(said.get("chosen_options") or [])
        if chosen not in ([APPROVE], [REJECT]):
            raise BadRequest(f"the answer is {chosen}, which is neither {APPROVE} nor {REJECT}; ask again.")
        user = said.get("responded_by_user") or {}
        who = str(user.get("name") or user.get("id") or "") if isinstance(user, Mapping) else str(user)
        why = str((said.get("params_input") or {}).get(REASON) or "").strip()
        return cls("approve" if chosen == [APPROVE] else "reject", who, why)

    def decision(self, *, assigned: bool) -> Decision:
        """The decision for the log; `assigned`: only reviewers of the recipe could answer."""
        if not self.who:
            how, unanswered = "airflow: the time to answer was over", "nobody answered in time"
            return Decision(self.action, NOBODY, how, self.why or unanswered)
        how = "airflow: signed in, a reviewer of the recipe" if assigned else "airflow: signed in"
        return Decision(self.action, self.who, how, self.why or NO_REASON)


def record(store: Store, run: str, ask: str, answer: Answer) -> tuple[Entry, bool]:
    """Write the answer to the log: the entry, and False if the same was decided already.

    BadRequest if somebody decided otherwise meanwhile, or made another version the champion.
    """
    seen = json.loads(store.read(_asked(run, ask)) or b"{}")
    if not seen:
        raise BadRequest(f"run {run} has no note of what was asked by {ask}; clear that task to ask again.")
    name, number, registry = seen["name"], int(seen["version"]), Registry(store)
    shown = replay(name, registry.state(name).entries[: int(seen["entries"])])
    decision = answer.decision(assigned=seen["assigned"])
    try:
        if answer.action == "approve":
            registered = registry.state(name).version(number).registered
            asked = Reviewers.of(seen.get("reviewers"))
            who = not_requester(asked, registered, decision.who, known=True)
            decision = replace(decision, how=decision.how + who)
        return answered(registry, name, number, decision, seen=shown, compared=seen["compared"])
    except BadRequest as error:
        if registry.state(name).version(number).decided is not None:
            raise
        raise BadRequest(f"{error} To be asked here again, clear {ask}.") from None


def sentence(entry: Entry) -> str:
    """An entry of the log for people."""
    return one_line(f"{entry.name} v{entry.version} {entry.action}: {entry.who} ({entry.how}), {entry.why}")


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
        record = task_record(store, run, register)
        if record and record.holds(name, champion.number):
            return run
    return _newest_run_of(store, name, champion)


def _newest_run_of(store: Store, name: str, champion: Version) -> str:
    for run in runs_with(store, name, champion.number):
        return run.run
    raise BadRequest(f"no run in {store} registered {name} v{champion.number}; name one in the form.")


def questions(store: Store) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every question that was asked: where it is kept; `name`, and how many `entries` its log had."""
    for key in store.list("runs/"):
        if key.count("/") == 3 and key.split("/")[2] == "asked":
            try:
                said = json.loads(store.read(key) or b"")
                yield key, {"name": str(said["name"]), "entries": int(said["entries"])}
            except (ValueError, KeyError, TypeError):
                raise CorruptObject(f"{store.url}/{key}: not a note of what was asked. Delete it.") from None


def _asked(run: str, ask: str) -> str:
    return f"runs/{run}/asked/{ask}"
