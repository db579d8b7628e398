"""Whether the answers of one ledger are one model's: what a hosted teacher says of itself."""

import hashlib
import json
from collections.abc import Callable

from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import By, Generated
from slmworks.contract.ledger import Cost, Entry, Ledger

KEY = hashlib.sha256(b"who answers").hexdigest()
"""Key of the entry that says who gave the first answer."""
COLUMN = "by"


class SameModel:
    """Watches who answers, for a ledger; a model of one's own says nothing, and is its digest."""

    def __init__(self, ledger: Ledger, say: Callable[[str], None], role: str = "teacher") -> None:
        """Look who has answered before. `say` gets a warning; `role` is the model's port."""
        self._ledger, self._say, self._role = ledger, say, role
        self._first = next((_by(entry) for _, entry in ledger.read([KEY])), None)
        self._warned = False

    def require(self, found: Generated, cost: Cost) -> None:
        """BadRequest once another model answers under the name; the answer isn't kept, its cost is."""
        if found.by is None:
            return
        if self._first is None:
            self._first = found.by
            self._ledger.add(KEY, _entry(found.by), Cost())
        if _name(found.by) != _name(self._first):
            self._ledger.add(KEY, _entry(found.by), cost)
            raise BadRequest(
                f"{self._role}: it answers as {_name(found.by)} now, and its ledger holds answers of "
                f"{_name(self._first)}; name the new one as `model` in its file, or give it another "
                "`revision`: it begins a ledger of its own."
            )
        if found.by.fingerprint != self._first.fingerprint and not self._warned:
            self._warned = True
            now, then = found.by.fingerprint, self._first.fingerprint
            self._say(
                f"warning: the {self._role} {_name(found.by)} says it runs otherwise than at its first "
                f"answer (system_fingerprint {now!r}, then {then!r}); its ledger has both. Give it another "
                "`revision` to begin anew."
            )


def _name(by: By) -> str:
    return f"{by.model} v{by.version}" if by.version else by.model


def _entry(by: By) -> Entry:
    return Entry({COLUMN: json.dumps(vars(by)).encode()}, 0)


def _by(entry: Entry) -> By:
    return By(**json.loads(entry.columns[COLUMN]))
