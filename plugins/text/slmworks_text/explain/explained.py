"""One row explained: found in its files, led through the steps alone, then watched in the whole curation."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Stage, Task
from slmworks_text.annotated.curating import CurateMarks
from slmworks_text.annotated.joining import context
from slmworks_text.annotated.reading import marked_rows
from slmworks_text.annotated.view import MarkView
from slmworks_text.conversations.comparing import whole_text
from slmworks_text.conversations.curating import ChatColumns, CurateConversations
from slmworks_text.conversations.reading import ChatTally, conversation_rows
from slmworks_text.conversations.view import ConversationView
from slmworks_text.curate import CurateText
from slmworks_text.curate_documents import ChunkColumns, CurateDocuments
from slmworks_text.curate_rows import Models
from slmworks_text.documents.places import ChunkView, StoredChunks
from slmworks_text.explain import course as courses
from slmworks_text.explain.chunks import Document, sought
from slmworks_text.explain.course import Course
from slmworks_text.explain.document import document_explained
from slmworks_text.explain.found import Searched, search
from slmworks_text.explain.joined import Joined
from slmworks_text.explain.traced import TracedRows
from slmworks_text.facts.seen import View
from slmworks_text.ledger import Key
from slmworks_text.operators.running import opened
from slmworks_text.operators.views import TextView
from slmworks_text.reading import rows_of
from slmworks_text.rows import Tally
from slmworks_text.schema import Strata, schema_of

Line = tuple[str, str]
"""Step, and what it did to the row."""


def explained(plugin: Stage, asked: str, data: Files, models: Models, task: Task) -> Iterator[Line]:
    """What happened to the row that is asked for, line by line; BadRequest where it isn't there."""
    if isinstance(plugin, CurateText):
        yield from _text(plugin, asked, data, models, task)
    elif isinstance(plugin, CurateConversations):
        yield from _conversation(plugin, asked, data, models, task)
    elif isinstance(plugin, CurateMarks):
        yield from _marked(plugin, asked, data, models, task)
    elif isinstance(plugin, CurateDocuments):
        yield from _documents(plugin, asked, data, models, task)
    else:
        raise BadRequest("this step curates no rows of files, so none can be explained.")


def _text(plugin: CurateText, asked: str, data: Files, models: Models, task: Task) -> Iterator[Line]:
    schema = schema_of(plugin.model_task)
    view = TextView(schema)
    readings = {name: plugin.reading(name, schema) for name in plugin.row_names(data)}
    found = search(asked, data, {name: (one.layout, one.columns) for name, one in readings.items()})
    yield from _where(found)
    raw, tally = found.row, Tally()
    reading = readings[raw.input]
    rows = rows_of(raw.input, raw.shown, [(raw.position, raw.values)], reading, tally)
    rows = plugin.outside().apart(rows, every=plugin.is_outside(raw.input, schema))
    course = courses.read(rows, tally, view, {})
    *first, limits = plugin.cleaning(reading)
    courses.passed(course, first, view)
    courses.operated(course, opened(plugin.operators, data, models), view)
    courses.passed(course, [limits], view)
    yield from _ended(course, plugin, data, models, task, view, schema)


def _conversation(
    plugin: CurateConversations, asked: str, data: Files, models: Models, task: Task
) -> Iterator[Line]:
    view, measure = ConversationView(), plugin.measure(data)
    readings = {name: plugin.reading(name, measure) for name in plugin.row_names(data)}
    found = search(asked, data, {name: (one.layout, one.wanted) for name, one in readings.items()})
    yield from _where(found)
    raw, tally = found.row, ChatTally()
    reading = replace(readings[raw.input], refuse=False)
    rows = conversation_rows(
        raw.input, raw.shown, [(raw.position, raw.values)], reading, tally, nulls=raw.nulls
    )
    course = courses.read(rows, tally, view, tally.first)
    courses.operated(course, opened(plugin.operators, data, models), view)
    yield from _ended(course, plugin, data, models, task, view, ChatColumns(), whole_text)


def _marked(plugin: CurateMarks, asked: str, data: Files, models: Models, task: Task) -> Iterator[Line]:
    view = MarkView()
    readings = {name: plugin.reading(name) for name in plugin.row_names(data)}
    found = search(asked, data, {name: (one.layout, one.wanted, one.rows) for name, one in readings.items()})
    yield from _where(found)
    raw, tally = found.row, Tally()
    reading = replace(readings[raw.input], refuse=False)
    rows = marked_rows(raw.input, raw.shown, [(raw.position, raw.values)], reading, tally)
    course = courses.read(rows, tally, view, tally.first)
    courses.operated(course, opened(plugin.operators, data, models), view)
    courses.passed(course, [plugin.limits()], view)
    key = context if plugin.asked else None
    yield from _ended(course, plugin, data, models, task, view, plugin.stored_columns(), key)


def _documents(
    plugin: CurateDocuments, asked: str, data: Files, models: Models, task: Task
) -> Iterator[Line]:
    found = sought(asked, plugin, data, models)
    if isinstance(found, Document):
        yield from document_explained(found, plugin, data, models, task)
        return
    yield from _where(found, "chunk")
    document, view = found.row.document, ChunkView()
    course = Course(replace(found.row.row), [("read", f"of {document.shown}: {document.about}")])
    course.lines += [("", f"left out: {document.left_out}")] if document.left_out else []
    course.lines += [("", f"text: {courses.shown(found.row.row.text)}")]
    *first, limits = plugin.cleaning()
    courses.passed(course, first, view)
    courses.operated(course, opened(plugin.operators, data, models), view)
    courses.passed(course, [limits], view)
    columns = ChunkColumns()
    yield from _ended(course, plugin, data, models, task, StoredChunks(), columns, kind="chunk")


def _where(found: Searched[Any], kind: str = "row") -> Iterator[Line]:
    yield kind, found.row.where
    if found.others:
        more = f" and {found.more:,} more" if found.more else ""
        yield "", f"the first that holds it; others: {', '.join(found.others)}{more}"


def _ended(
    course: Course,
    plugin: Any,
    data: Files,
    models: Models,
    task: Task,
    view: View,
    schema: Strata,
    key: Key | None = None,
    kind: str = "row",
) -> Iterator[Line]:
    """`key`: None where a row's text is what it is compared by. `kind`: what people call a row."""
    yield from course.lines
    if course.row is None:
        return
    rows = TracedRows(task.scratch, schema)
    watch = Joined(rows, course.row.identity(), view, key, kind)
    gathered = plugin.gather(data, task, rows, watch, models)
    watch.end(gathered.ledger, getattr(gathered, "ranking", None))
    yield from watch.lines
