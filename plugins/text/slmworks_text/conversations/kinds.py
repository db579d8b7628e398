"""What a row of a file may be: the shapes that it is looked for in, and how one becomes a conversation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from slmworks_text.conversations.conversation import Conversation, Unanswered


class Read(Protocol):
    """From the parts of a row to its shape and its conversation; BadConversation for a broken rule."""

    def __call__(
        self, parts: Mapping[str, Any], shape: Any, *, unlabelled: bool, unanswered: Unanswered
    ) -> tuple[str, Conversation]:
        """`shape`: None to recognise it. `unlabelled`: it needs no answer, and keeps none."""


@dataclass(frozen=True)
class Kind:
    """A family of shapes."""

    needed: Mapping[Any, tuple[str, ...]]
    """Shape -> the parts without which a row is of another shape."""
    further: Mapping[Any, tuple[str, ...]]
    """Shape -> parts that it may have."""
    may_lack: frozenset[str]
    """Needed parts that a row without an answer may lack."""
    read: Read
