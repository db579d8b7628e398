"""What people call a registered version: `reviews`, `reviews@champion`, `reviews@3`, `models:/reviews/3`."""

import re
from dataclasses import dataclass

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.registry.state import ModelState, Version

_NAMED = re.compile(r"(?:models:/)?(?P<name>[A-Za-z0-9][\w.-]*)(?:[@/](?P<which>[\w-]+))?")
_NUMBER = re.compile(r"v?([1-9]\d*)")


@dataclass(frozen=True)
class VersionName:
    """A name and which of its versions, as far as words say it."""

    name: str
    which: str = ""
    """`champion`, `candidate`, `previous`; empty where no version or a number is named."""
    number: int | None = None

    @classmethod
    def read(cls, words: str) -> "VersionName | None":
        """The version that words name; None for words of another form."""
        found = _NAMED.fullmatch(words)
        if not found:
            return None
        which = found["which"] or ""
        number = _NUMBER.fullmatch(which)
        return cls(found["name"], "" if number else which, int(number[1]) if number else None)

    def version(self, state: ModelState) -> Version:
        """That version; without a word or number: the champion, else the newest.

        BadRequest for what the name has not.
        """
        if self.number is not None:
            return state.version(self.number)
        if self.which:
            if self.which not in state.aliases:
                raise BadRequest(
                    f"{self.name} has no '{self.which}'. {did_you_mean(self.which, state.aliases)} "
                    f"Or a number: {self.name}@1."
                )
            return state.version(state.aliases[self.which])
        return state.champion or state.versions[-1]
