"""Versions of released models and who decided what about them: an append-only log in the store.

`registry/<name>/<seq>.json` is created only if absent and never changed. Everything that is said of a
model (versions, champion, candidate, previous) is computed from those entries; MLflow's tags and
aliases are a picture of them. This module moves no model and knows no MLflow.
"""

import getpass
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from slmworks.contract.errors import BadRequest, CorruptObject, did_you_mean
from slmworks.contract.plain_text import one_line
from slmworks.registry import files, signatures
from slmworks.registry.state import Action, Entry, ModelState, Version, replay

if TYPE_CHECKING:
    from slmworks.store import Store

__all__ = ["UNKNOWN", "Entry", "ModelState", "Registry", "Version", "check_name", "claimed_user", "vouching"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


_ABOUT = {"name", "version", "model_digest", "wrapper_digest", "release", "verdict"}
"""Fields that a decision repeats from the registration."""


UNKNOWN = "unknown"
"""The user of a process that has no name."""


class _Words(NamedTuple):
    """Who decides, how that is known, and the reason."""

    who: str
    how: str
    why: str


class Registry:
    """The log of one store. Safe with any number of writers: the loser of a race is told."""

    def __init__(self, store: "Store", requester: tuple[str, str] = ("", "")) -> None:
        """`requester`: who started the run that registers here, and how that is known."""
        self.store, self.requester = store, requester

    def names(self) -> list[str]:
        """Every name that has a log, sorted."""
        return files.names(self.store)

    def state(self, name: str) -> ModelState:
        """What the log says about `name`; BadRequest when nothing was ever registered under it."""
        state = self._read(name)
        if not state.versions:
            raise BadRequest(
                f"no model is registered as '{name}' in {self.store.url}. {did_you_mean(name, self.names())}"
            )
        return state

    def register(
        self,
        name: str,
        *,
        model_digest: str,
        wrapper_digest: str,
        verdict: str,
        seal: Callable[[int], str],
    ) -> Entry:
        """Enter a release as a candidate; the same (name, model, wrapper) keeps its first entry.

        `seal(version)` gives the digest that the release will have in the store under that version, so
        the entry can name it before it is committed. If the entry existed before, rebuild the
        release with its `version` and `verdict`, so that the digests match.
        """
        who, how = claimed_user()
        while True:
            state = self._read(name)
            if first := _same_bytes(state, model_digest, wrapper_digest):
                return first
            number = len(state.versions) + 1
            entry = Entry(
                seq=len(state.entries) + 1,
                action="register",
                name=name,
                version=number,
                model_digest=model_digest,
                wrapper_digest=wrapper_digest,
                release=seal(number),
                verdict=verdict,
                who=who,
                how=how,
                when=_now(),
                started_by=self.requester[0],
                started_how=self.requester[1],
                previous=state.head,
            )
            entry = signatures.signed(entry)
            if self._append(entry):
                return entry

    def registered(self, name: str, model_digest: str) -> list[Entry]:
        """The entries that brought this model in, each with another wrapper; oldest first."""
        entries = (version.registered for version in self._read(name).versions)
        return [entry for entry in entries if entry.model_digest == model_digest]

    def approve(
        self, name: str, version: int, *, who: str, how: str, why: str, seen: ModelState | None = None
    ) -> Entry:
        """Make a candidate (or a version that was rolled back) the champion.

        `seen` is the state that it was decided on, what the log says now when left out. If the champion is
        another one since, nothing is approved and the caller is told.
        """
        return self._decide("approve", name, version, _Words(who, how, why), seen)

    def reject(self, name: str, version: int, *, who: str, how: str, why: str) -> Entry:
        """Turn a candidate down, or take an approved version out of service for good.

        The same bytes stay rejected; there is no way back. A champion with a predecessor must be rolled back
        first: BadRequest says so.
        """
        return self._decide("reject", name, version, _Words(who, how, why))

    def rollback(self, name: str, *, who: str, how: str, why: str) -> Entry:
        """Make the previous champion the champion again.

        Decided on what the log says now: if someone else changes the champion meanwhile, nothing is
        rolled back and the caller is told.
        """
        _require_reason(why, "rollback")
        seen = state = self.state(name)
        while True:
            _require_same_champion(seen, state, "rolled back")
            if state.previous is None:
                raise BadRequest(_nothing_before(state))
            if entry := self._try(state, "rollback", state.previous, _Words(who, how, why)):
                return entry
            state = self.state(name)

    def approved(self, name: str, version: int, model_digest: str, wrapper_digest: str) -> None:
        """Return if exactly these digests are approved as this version; otherwise BadRequest says why not.

        Where trusted keys are set, one of them must have signed what makes it so (`vouching`).
        """
        state = self.state(name)
        found = state.version(version)
        label, decided = f"{name} v{version}", found.decided
        if decided is None:
            raise BadRequest(
                f"{label} is not approved yet. Approve it: slmworks approve {name} {version} --because '…'"
            )
        if found.status != "approved":
            raise BadRequest(f"{label} was {_decision(decided)}; it is not served. See `slmworks models`.")
        _require_same(f"{label}'s model", model_digest, decided.model_digest)
        _require_same(f"{label}'s wrapper", wrapper_digest, decided.wrapper_digest)
        signatures.require(version, vouching(state, found))

    def _decide(
        self, action: Action, name: str, number: int, words: "_Words", seen: ModelState | None = None
    ) -> Entry:
        _require_reason(words.why, action)
        state = self.state(name)
        seen = seen or state
        while True:
            version = state.version(number)
            _require_open(state, version, action)
            if action == "approve":
                _require_same_champion(seen, state, "approved")
            if entry := self._try(state, action, version, words):
                return entry
            state = self.state(name)

    def _try(self, state: ModelState, action: Action, version: Version, words: "_Words") -> Entry | None:
        """Append the next entry, or None when someone else was faster."""
        said = {"who": words.who, "how": words.how, "why": words.why.strip(), "when": _now()}
        place = {"seq": len(state.entries) + 1, "action": action, "previous": state.head}
        about = version.registered.model_dump(include=_ABOUT)
        entry = signatures.signed(Entry.model_validate({**about, **place, **said}))
        return entry if self._append(entry) else None

    def _append(self, entry: Entry) -> bool:
        return files.append(self.store, entry)

    def _read(self, name: str) -> ModelState:
        check_name(name)
        found = files.read(self.store, name)
        if found.problems:
            raise CorruptObject(f"{self.store.url}/{found.problems[0]}. Restore it.")
        return replace(replay(name, [one.entry for one in found.written]), head=found.head)


def vouching(state: ModelState, version: Version) -> dict[str, Entry]:
    """What each is -> the entries that an approved version rests on.

    Its approval; and of the champion what made it the champion, if that was another one's rollback or
    rejection: else a forged one could bring an old version back.
    """
    assert version.decided is not None
    found = {"its approval": version.decided}
    if state.champion == version and state.crowned not in (None, version.decided):
        assert state.crowned is not None
        found[f"the {state.crowned.action} that made it champion"] = state.crowned
    return found


def check_name(name: str) -> None:
    """BadRequest unless `name` can be a registered name (it becomes a folder and an MLflow name)."""
    if not _NAME.fullmatch(name):
        raise BadRequest(
            f"'{name}' cannot be a model's name: use letters, digits, '-', '_' and '.', "
            "starting with a letter or digit, at most 100."
        )


def claimed_user() -> tuple[str, str]:
    """Who runs this process, and how that is known: the login name is a claim, not a proof."""
    try:
        return getpass.getuser(), "claimed: user name of the process"
    except (KeyError, OSError):
        return UNKNOWN, "no user name in this process"


def _same_bytes(state: ModelState, model_digest: str, wrapper_digest: str) -> Entry | None:
    entries = (version.registered for version in state.versions)
    same = (e for e in entries if (e.model_digest, e.wrapper_digest) == (model_digest, wrapper_digest))
    return next(same, None)


def _require_reason(why: str, action: str) -> None:
    if not why.strip():
        raise BadRequest(f"say why: slmworks {action} … --because 'the reason, for those who come later'.")


def _require_same_champion(seen: ModelState, now: ModelState, done: str) -> None:
    """BadRequest if somebody changed the champion since: whoever decides has not seen that one."""
    if _number(now.champion) == _number(seen.champion):
        return
    last = now.entries[-1]
    became = (
        f"made v{now.champion.number} the champion" if now.champion else "took the champion out of service"
    )
    raise BadRequest(
        f"{now.name}: {one_line(last.who)} just {became} ({one_line(last.why)}); nothing was {done}. "
        "Look at `slmworks models` and decide again."
    )


def _require_open(state: ModelState, version: Version, action: str) -> None:
    """BadRequest if the version was decided already.

    One that was rolled back may be approved again, and an approved one rejected. Who has a key may approve
    the champion again where its approval bears no signature that is trusted.
    """
    decided = version.decided
    if decided is None or (version.status == "rolled-back" and action == "approve"):
        return
    if action == "approve" and state.champion == version and signatures.wanting(vouching(state, version)):
        return
    if version.status == "approved" and action == "reject":
        if state.champion == version and state.previous is not None:
            raise BadRequest(
                f"{state.name} v{version.number} is the champion. Go back to v{state.previous.number} first: "
                f"slmworks rollback {state.name} --because '…'"
            )
        return
    way_out = {
        "approve": f"To take it out of service: slmworks rollback {state.name}.",
        "reject": "Train another one; the same bytes stay rejected.",
        "rollback": f"It is out of service; slmworks approve {state.name} {version.number} brings it back.",
    }[decided.action]
    raise BadRequest(f"{state.name} v{version.number} was already {_decision(decided)}. {way_out}")


def _require_same(what: str, have: str, approved: str) -> None:
    if have != approved:
        raise BadRequest(
            f"{what} is {have[:12]}, the approval names {approved[:12]}: it was changed since. "
            "Restore the files, or register what you have and have it approved."
        )


def _decision(entry: Entry) -> str:
    """What was decided, by whom, when and why, for a sentence."""
    done = {"approve": "approved", "reject": "rejected", "rollback": "rolled back"}[entry.action]
    return one_line(f"{done} by {entry.who} on {entry.when[:10]} ({entry.why})")


def _nothing_before(state: ModelState) -> str:
    if state.champion is None:
        return f"{state.name} has no champion, so there is nothing to roll back. See `slmworks models`."
    return (
        f"{state.name} v{state.champion.number} is the first champion: no previous one to go back to. To "
        f"take it out of service: slmworks reject {state.name} {state.champion.number} --because '…'"
    )


def _number(version: Version | None) -> int | None:
    return version.number if version else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
