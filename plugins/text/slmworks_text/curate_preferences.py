"""`curate/preferences`: files of a better and a worse answer to each prompt, to rows for text generation."""

from typing import ClassVar

from pydantic import Field, PositiveInt

from slmworks_text.conversations.curating import CurateConversations
from slmworks_text.conversations.kinds import Kind
from slmworks_text.conversations.options import InputOptions
from slmworks_text.conversations.pairs import ANSWERS, FURTHER, NEEDED, PairPart, PairShape, pair_of


class PairInputOptions(InputOptions):
    """Options of one input, in place of those for all."""

    shape: PairShape | None = None
    """Shape of its rows."""
    fields: dict[PairPart, str] | None = None
    """Its columns, by the part of a pair that they hold."""


class CuratePreferences(CurateConversations):
    """Check, clean, de-duplicate, redact and split pairs of answers, and count every row that was dropped.

    A row is a conversation up to its last answer (`messages`), the better answer (`completion`) and the worse
    one (`rejected`), for align/dpo; what takes conversations takes it too, with the better answer. Shapes,
    each with `chosen` and `rejected`: `prompt` (a text, which is the user's turn, or a list of messages),
    `messages`, ShareGPT (`conversations`), Alpaca (`instruction`, `input`), and `dialogues`: whole
    conversations that are the same but for the last answer, as lists of messages or as text in which an empty
    line and `Human:` or `Assistant:` begin a turn (Bai et al., 2022). `raw` is a prompt that no chat
    template stands around. Inputs, splits and duplicates are as in curate/chat.
    """

    kind_of_rows: ClassVar[Kind] = Kind(NEEDED, FURTHER, frozenset(ANSWERS), pair_of)
    columns_made: ClassVar[tuple[str, ...]] = ("rejected",)

    shape: PairShape | None = None
    """Shape of the rows; default: for each row the first that it has the columns of, `raw` apart."""
    fields: dict[PairPart, str] = Field(default_factory=dict)
    """Part of a pair -> its column, where that is called otherwise: `{prompt: question, chosen: good}`."""
    inputs: dict[str, PairInputOptions] = Field(default_factory=dict)
    """Input name -> options that differ for it: shape, fields, format, columns, group, template, encoding,
    delimiter, quotes, key."""
    max_tokens: PositiveInt | None = None
    """Rows with more tokens (without `tokenizer`: words) in the prompt and the longer answer are dropped."""
