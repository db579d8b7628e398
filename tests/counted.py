"""A store that counts what is asked of it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slmworks.store import Store


class Counted:
    """Counts requests as a bucket would get them: one a key, one a thousand names of a listing."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self.reads = 0

    def __str__(self) -> str:
        return str(self._store)

    def __getattr__(self, verb: str) -> Any:
        known = getattr(self._store, verb)
        if verb not in ("read", "read_all", "list", "children", "sizes", "folder", "damage", "verify"):
            return known

        def counted(*given: Any, **named: Any) -> Any:
            found = known(*given, **named)
            if verb == "read_all":
                self.reads += len(given[0])
            else:
                pages = verb in ("list", "children", "sizes")
                self.reads += 1 + (len(found) // 1000 if pages else 0)
            return found

        return counted
