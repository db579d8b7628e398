"""How row operators see conversations: the contents of turns, the answer, the worse answer; no tools."""

from collections.abc import Sequence
from dataclasses import replace

from slmworks_text.conversations.conversation import Conversation, unpacked
from slmworks_text.conversations.turns import EMPTY_COMPLETION, EQUAL
from slmworks_text.rows import Row

ANSWER, WORSE, TOOLS = "assistant", "rejected", "tools"
NOTHING_LEFT = "nothing left"


class ConversationView:
    """The texts of packed conversations."""

    def texts(self, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The texts, and the role of each."""
        messages, _, rejected = unpacked(row.text)
        said = [(content, role) for role, content in messages if role != TOOLS]
        said += [(row.target, ANSWER)] if row.target else []
        said += [(rejected, WORSE)] if rejected else []
        return tuple(content for content, _ in said), tuple(role for _, role in said)

    def label(self, row: Row) -> str:
        """None: conversations have no labels."""
        return ""

    def changed(self, row: Row, texts: Sequence[str]) -> Row | str:
        """The row with other texts, or why it is none any more."""
        messages, schema, rejected = unpacked(row.text)
        left = list(texts)
        said = tuple((role, content if role == TOOLS else left.pop(0)) for role, content in messages)
        target = left.pop(0) if row.target else ""
        worse = left.pop(0) if rejected else ""
        if (row.target and not target.strip()) or (rejected and not worse.strip()):
            return EMPTY_COMPLETION
        if rejected and worse.strip() == target.strip():
            return EQUAL
        if not target and not any(content.strip() for role, content in said if role != TOOLS):
            return NOTHING_LEFT
        found = Conversation(said, target or None, schema, rejected=worse)
        return replace(row, text=found.packed(), target=target)
