"""Options of `curate/documents`."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from slmworks.contract.options import OptionError
from slmworks_text.curate_rows import CurateRows
from slmworks_text.encodings import Encoding
from slmworks_text.personal import Kind

Share = Annotated[float, Field(ge=0, lt=1)]


class DocumentOptions(CurateRows):
    """Options of a curation of documents."""

    model_task: Literal["feature-extraction", "text-generation"] = "feature-extraction"
    """What the chunks are for. `feature-extraction`: to be looked up (`finetune/retrieval-augmented`) and for
    students of embedding models, column `text`. `text-generation`: to be learnt by a language model as plain
    text, column `completion` after an empty prompt."""
    size: Annotated[int, Field(ge=8)] = 256
    """Tokens of a chunk at most (without `tokenizer`: words; characters of Chinese, Japanese, Thai and
    others that are written without blanks)."""
    overlap: NonNegativeInt | None = None
    """Tokens that a chunk may share with the one before: whole sentences where they fit. Default: an
    eighth of `size`; none for text-generation, which would learn them twice."""
    tokenizer: str | None = None
    """Input that holds a tokenizer.json, whose tokens are counted: that of the model that will read them."""
    repeat_headings: bool | None = None
    """Begin each chunk with the path of headings that it stands under (`Pump › Electrical`), counted in its
    size. Default: yes, and no for text-generation."""
    encoding: Encoding = "utf-8"
    """Encoding of text files without a mark and of pages that don't name one; `utf-8-replace` reads bad bytes
    as U+FFFD."""
    transfer: tuple[str, ...] = ()
    """Inputs whose chunks are transfer text for distillation, besides one that is called `transfer`."""
    transfer_rows: PositiveInt | None = None
    """Keep at most this many chunks of transfer, drawn by the digest of the row."""
    min_chars: PositiveInt = 1
    """Shorter chunks are dropped."""
    near_duplicates: Annotated[float, Field(gt=0.3, le=1)] | None = None
    """Jaccard similarity at which two chunks are near duplicates, of which one is kept."""
    redact: tuple[Kind, ...] = ()
    """Personal data to replace by a tag, in chunks and headings: `email`, `phone`, `card`, `iban`, `ip`,
    `ssn`, as in curate/text."""
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "US"
    """Country whose national telephone numbers are recognised (ISO 3166, upper case)."""
    validation: Share = 0.1
    """Share of the pool for validation, where no `validation` input is given; whole documents. 0: none."""
    test: Share = 0.1
    """Share of the pool for the test, where no `test` input is given; whole documents. 0: none."""
    rows: PositiveInt | None = None
    """Keep at most this many chunks of the pool, drawn by the seed, before splits are taken from it."""
    max_unusable: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of an input's documents that may be unreadable (encrypted, scanned, broken, …); above it,
    curation is refused."""
    seed: int = 0
    """Chooses which documents go to which split."""
    licence: str = ""
    """Licence of the documents as declared by whoever wrote the recipe; recorded in the card."""
    licences: dict[str, str] = Field(default_factory=dict)
    """Input name -> its licence as declared, where it isn't that of all."""

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        if self.overlap is not None and self.overlap > self.size // 2:
            raise OptionError(("overlap",), f"more than half of size ({self.size}); chunks would be copies.")
        if self.balance and self.balance.by == "label":
            raise OptionError(("balance",), "documents have no labels; set by: source.")
        return self

    @property
    def shared(self) -> int:
        """Tokens that a chunk may share with the one before."""
        return (self.size // 8 if self.embeds else 0) if self.overlap is None else self.overlap

    @property
    def repeats(self) -> bool:
        """True where chunks begin with their headings."""
        return self.embeds if self.repeat_headings is None else self.repeat_headings

    @property
    def embeds(self) -> bool:
        """True for chunks that are embedded, not learnt word by word."""
        return self.model_task == "feature-extraction"
