"""`curate/tags`: files of texts with entities, or of words with tags, to rows for token classification."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from slmworks_text.annotated.card import Columns
from slmworks_text.annotated.curating import CurateMarks
from slmworks_text.annotated.entities import COLUMNS, EntityForm, Part, Scheme
from slmworks_text.annotated.input_options import MarkInputOptions
from slmworks_text.annotated.marks import Annotated
from slmworks_text.input_options import LabelNames
from slmworks_text.labels import Labels
from slmworks_text.layout import Format

TagFormat = Format | Literal["conll"]


class TagInputOptions(MarkInputOptions):
    """Options of one input, in place of those for all."""

    format: TagFormat | None = None
    """Format of its files."""
    fields: dict[Part, str] | None = None
    """Its columns, and keys of its entities, by what they hold."""


class CurateTags(CurateMarks):
    """Check, clean, de-duplicate, redact and split texts with entities, and count every row that was dropped.

    A row is a text and its entities (`[{start, end, label}]`, in characters), or a list of words (`tokens`)
    with their `tags`, which becomes a text with a blank between two words. Entities are also read as lists
    `[start, end, label]`; in a table's cell as JSON. Entities never overlap, and are widened to whole words.
    The inputs `validation`, `test` and `transfer` are those splits; all others are pooled, and the splits
    that were not given are taken from the pool, balanced by the labels that texts have, with near duplicates
    and groups kept together. Near duplicates by MinHash and exact Jaccard (Broder, 1997), as in curate/text.
    """

    makes_model_task: ClassVar[str] = "token-classification"
    row_parts: ClassVar[tuple[str, ...]] = COLUMNS

    format: TagFormat | None = None
    """Format of the files; default: by their ending. `conll` (`.conll`, `.conllu`, `.iob`, `.iob2`, `.bio`):
    a word a line with its tags, a blank line behind each sentence; `columns` names the columns, else the
    first is the word and the last its tag."""
    fields: dict[Part, str] = Field(default_factory=dict)
    """Part -> its column (`text`, `entities`, `tokens`, `tags`) or its key in an entity (`start`, `end`,
    `label`, `value`: the entity's text, which is then checked), where that is called otherwise:
    `{text: full_text, entities: spans, label: entity_type}`."""
    scheme: Scheme = "iob"
    """What tags mean: `iob` (IOB1, IOB2, BIOES, BILOU: `B-PER`, `I-PER`, `O`), or `words`: a class for each
    word, as parts of speech are."""
    tag_names: tuple[str, ...] = ()
    """Names of tags that are numbers, in their order: `[O, B-PER, I-PER]`."""
    labels: LabelNames = ()
    """Labels to keep, or a mapping of those in the files to them: `{PER: PERSON, LOC: PLACE}`; entities of
    others are left out and counted. Empty: all."""
    inputs: dict[str, TagInputOptions] = Field(default_factory=dict)
    """Input name -> options that differ for it: format, fields, columns, group, encoding, delimiter, quotes,
    key."""

    def form(self, fields: Mapping[str, str]) -> EntityForm:
        """How entities are written."""
        return EntityForm(fields, self.scheme, self.tag_names)

    def kept_labels(self) -> Labels:
        """The option `labels`."""
        return Labels.of(self.labels, normalise=self.normalise)

    def made_columns(self) -> Columns:
        """`text`, and `entities` by start, end and label."""
        import pyarrow as pa

        entity = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
        return {"text": (pa.string(), lambda row: row.text), "entities": (pa.list_(entity), _entities)}


def _entities(row: Annotated) -> list[dict[str, Any]] | None:
    return None if row.marks is None else [mark._asdict() for mark in row.marks]
