"""A whole document explained: what each step did to which of its chunks, and which are kept."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slmworks.contract.artifact import Files
from slmworks.contract.stage import Task
from slmworks_text.curate_documents import ChunkColumns, CurateDocuments
from slmworks_text.curate_rows import Models
from slmworks_text.documents.places import ChunkView, StoredChunks
from slmworks_text.explain.chunks import Document, counted
from slmworks_text.explain.course import KEPT, Done, by_operator, by_options, name_of
from slmworks_text.explain.joined import LEFT_OUT, STEPS, how_alike, kept_for, overlapping
from slmworks_text.explain.traced import TracedRows
from slmworks_text.facts.clusters import beside
from slmworks_text.joins.components import Components
from slmworks_text.joins.watching import Similarity, Watch
from slmworks_text.ledger import Ledger
from slmworks_text.operators.running import opened
from slmworks_text.rows import PLACES, Row

NAMED = 5
"""So many dropped chunks are shown with the one that stays in their place."""
RANGES = 8
"""So many ranges of numbers are shown."""

Rows = dict[int, Row]
"""Number of a chunk -> the chunk as the last step left it."""


def document_explained(
    document: Document, plugin: CurateDocuments, data: Files, models: Models, task: Task
) -> Iterator[tuple[str, str]]:
    """What became of a document, step by step."""
    yield "document", document.shown
    yield "read", document.about
    if not document.chunks:
        return
    if document.left_out:
        yield "", f"left out: {document.left_out}"
    rows: Rows = dict(enumerate(document.chunks, 1))
    view = ChunkView()
    *first, limits = plugin.cleaning()
    steps: list[tuple[str, Callable[[Sequence[Row]], list[Done]]]] = [
        *(
            (name_of(one), lambda some, one=one: [by_options(one, row, view) for row in some])
            for one in first
        ),
        *(
            (one.name, lambda some, one=one: by_operator(one, some, view))
            for one in opened(plugin.operators, data, models)
        ),
        (name_of(limits), lambda some: [by_options(limits, row, view) for row in some]),
    ]
    for name, step in steps:
        if rows:
            done = dict(zip(rows, step(list(rows.values())), strict=True))
            yield name, _said(done)
            rows = {number: one.row for number, one in done.items() if one.row is not None}
    if not rows:
        yield "split", "none: no chunk is kept"
        return
    stored = TracedRows(task.scratch, ChunkColumns())
    watch = JoinedDocument(stored, {row.identity(): number for number, row in rows.items()})
    gathered = plugin.gather(data, task, stored, watch, models)
    watch.end(gathered.ledger, len(document.chunks))
    yield from watch.lines


def _said(done: Mapping[int, Done]) -> str:
    """What a step did, with the numbers of the chunks to which it did it."""
    kinds: dict[str, list[int]] = {}
    for number, one in done.items():
        kinds.setdefault(one.what, []).append(number)
    said = [f"{what}: {ranges(numbers)}" for what, numbers in kinds.items() if what != KEPT]
    return "; ".join(said) or "kept as they are"


def ranges(numbers: Iterable[int]) -> str:
    """Numbers of chunks, ascending: `#1–3, #7`."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    said = [f"#{first}" if first == last else f"#{first}–{last}" for first, last in found[:RANGES]]
    left = sum(last - first + 1 for first, last in found[RANGES:])
    return ", ".join(said) + (f" and {left:,} more" if left else "")


@dataclass
class JoinedDocument(Watch):
    """Follows the chunks of one document, by their ids; lines for every join that dropped some of them."""

    rows: TracedRows
    numbers: Mapping[str, int]
    """Id -> number of the chunk."""
    lines: list[tuple[str, str]] = field(default_factory=list)
    _left: dict[int, int] = field(default_factory=dict)
    """Position of a chunk that is left -> its number, ascending by number."""
    _found: bool = False
    _overlaps: dict[int, str] = field(default_factory=dict)

    def overlaps(self, row: int, name: str, share: float) -> None:
        """Remember the evaluation set."""
        if row in self._left:
            self._overlaps[row] = overlapping(name, share)

    def joined(
        self,
        name: str,
        ledger: Ledger,
        components: Components | None = None,
        similarity: Similarity | None = None,
    ) -> None:
        """Say which chunks the join dropped, and beside which others."""
        if not self._found:
            at = self.rows.positions(self.numbers)
            self._left = {at[id_]: number for id_, number in self.numbers.items()}
            self._found = True
        gone = {row: number for row, number in self._left.items() if not ledger.kept[row]}
        if not gone:
            return
        self._left = {row: number for row, number in self._left.items() if row not in gone}
        if components is None:
            said = LEFT_OUT.get(name, "dropped").removeprefix("dropped: ")
            self.lines.append((STEPS[name], f"dropped: {ranges(gone.values())} ({said})"))
            shown = [
                f"#{number}: {self._overlaps[row]}" for row, number in gone.items() if row in self._overlaps
            ]
        else:
            self.lines.append((STEPS[name], f"dropped: {ranges(gone.values())}"))
            shown = list(self._beside(name, gone, ledger, components, similarity))
        self.lines += [("", line) for line in shown[:NAMED]]
        if len(gone) > NAMED and shown:
            self.lines.append(("", f"and {len(gone) - NAMED:,} more"))

    def _beside(
        self,
        name: str,
        gone: Mapping[int, int],
        ledger: Ledger,
        components: Components,
        similarity: Similarity | None,
    ) -> Iterator[str]:
        """The first dropped chunks, each with the one that stays in its place."""
        rows = list(gone)[:NAMED]
        stays = {row: owner for row, (owner, _) in beside(rows, components.names(), ledger).items()}
        owners = [owner for owner in stays.values() if owner is not None]
        told = self.rows.told([*rows, *owners], StoredChunks())
        for row in rows:
            owner = stays[row]
            if owner is not None:
                why = kept_for(name, row, owner, ledger, "chunk")
                near = how_alike(told, row, owner, similarity)
                yield f"#{gone[row]}: {why}: {told[owner].origin}{near}"

    def end(self, ledger: Ledger, chunks: int) -> None:
        """Say how many of the chunks are kept, and in which split; a document is in one."""
        if not self._left:
            self.lines.append(("split", "none: no chunk is kept"))
            return
        split = PLACES[int(ledger.place[next(iter(self._left))])]
        of = "" if len(self._left) == chunks else f" of {chunks:,}, {ranges(self._left.values())}"
        self.lines.append(("split", f"{split}: {counted(len(self._left), 'chunk')}{of}"))
