"""`curate/chat`: files of conversations, instructions, prompts or texts to rows for text generation."""

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from slmworks_text.conversations.conversation import Unanswered, conversation_of
from slmworks_text.conversations.curating import CurateConversations
from slmworks_text.conversations.kinds import Kind
from slmworks_text.conversations.options import InputOptions
from slmworks_text.conversations.reading import ChatReading
from slmworks_text.conversations.shapes import ANSWERS, FURTHER, NEEDED, Part, Shape
from slmworks_text.conversations.token_lengths import Measure


class ChatInputOptions(InputOptions):
    """Options of one input, in place of those for all."""

    shape: Shape | None = None
    """Shape of its rows."""
    fields: dict[Part, str] | None = None
    """Its columns, by the part of a conversation that they hold."""


class CurateChat(CurateConversations):
    """Check, clean, de-duplicate, redact and split conversations, and count every row that was dropped.

    A row is a conversation up to its last answer (`messages`) and that answer (`completion`), for the model
    task text-generation. Shapes: `messages` (`[{role, content, tool_calls, tool_call_id}]`), ShareGPT
    (`conversations` of `{from, value}`), Alpaca (`instruction`, `input`, `output`), `prompt` and
    `completion` (strings, or lists of messages), and `text`, raw text to be continued. The inputs
    `validation`, `test` and `transfer` are those splits; all others are pooled, and the splits that were not
    given are taken from the pool, with duplicates, groups and templates kept together. Near duplicates by
    MinHash and exact Jaccard (Broder, 1997), as in curate/text.
    """

    kind_of_rows: ClassVar[Kind] = Kind(NEEDED, FURTHER, ANSWERS, conversation_of)

    shape: Shape | None = None
    """Shape of the rows; default: for each row the first that it has the columns of."""
    fields: dict[Part, str] = Field(default_factory=dict)
    """Part of a conversation -> its column, where that is called otherwise:
    `{instruction: question, output: answer}`. A column of JSON Schemas that answers follow is read only if it
    is named: `{schema: COLUMN}`."""
    inputs: dict[str, ChatInputOptions] = Field(default_factory=dict)
    """Input name -> options that differ for it: shape, fields, format, columns, group, template, encoding,
    delimiter, quotes, key."""
    unanswered: Unanswered = "cut"
    """Conversations that go on behind the last answer: `cut` leaves these turns out and counts the rows
    (without any answer the row is dropped), `transfer` keeps all turns and puts the row into the split
    `transfer`."""

    def reading(self, name: str, measure: Measure) -> ChatReading:
        """The options as they hold for one input."""
        return replace(super().reading(name, measure), unanswered=self.unanswered)
