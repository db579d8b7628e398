"""`curate/text`: files of texts to clean, split, described rows of a model task."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.stage import Task
from slmworks.contract.workers import Workers
from slmworks.curate.operators import Chosen
from slmworks_text import out_of_scope, progress
from slmworks_text.bins import Bins
from slmworks_text.card_warnings import operator_warnings, text_warnings
from slmworks_text.checks import Loss, label_order, refuse_empty
from slmworks_text.cleaning import Cleaner, pieces_of
from slmworks_text.curate_rows import Gathered, Models
from slmworks_text.data_card import Split, by_operators, describe, summary, write_card, write_splits
from slmworks_text.drift.compared import numbers_of
from slmworks_text.drift.measured import drift_of
from slmworks_text.encodings import REPLACE
from slmworks_text.expectations import Found, met
from slmworks_text.facts.followed import Followed
from slmworks_text.facts.shown_texts import Shown
from slmworks_text.given_inputs import declared, shares_of
from slmworks_text.input_options import InputOptions
from slmworks_text.joining import join_texts
from slmworks_text.joins.watching import Watch
from slmworks_text.label_noise.ranking import Ranking, described, rank
from slmworks_text.label_noise.ranking import write as write_ranking
from slmworks_text.labels import Labels, equal_numbers
from slmworks_text.layout import Layout
from slmworks_text.memory import give_back
from slmworks_text.operators import Operator, operators_for
from slmworks_text.operators.running import opened
from slmworks_text.operators.views import TextView
from slmworks_text.out_of_scope import OutOfScope
from slmworks_text.reading import Reading, size_of
from slmworks_text.rows import PLACES, TRANSFER, Tally
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.schema import Schema, schema_of
from slmworks_text.streams import Meter
from slmworks_text.text_options import TextOptions
from slmworks_text.workers import workers_of


@dataclass(frozen=True)
class Ranked(Gathered[Tally]):
    """Rows that were read, cleaned and joined."""

    ranking: Ranking | None
    """Rows by how probably their label is wrong, where that is asked for."""


class CurateText(TextOptions):
    """Clean, de-duplicate, redact and split texts, and count every row that was dropped or changed.

    For every model task with one text and one target: a label, or a text that is cleaned like the input. The
    inputs `validation`, `test` and `transfer` are those splits. `train` and inputs of any other name are
    pooled, and the splits that were not given are taken from the pool: stratified by label and source, with
    near duplicates and groups kept together. Repairs with ftfy; near duplicates by MinHash and exact Jaccard
    (Broder, 1997); personal data by validated patterns and libphonenumber.
    """

    deterministic: ClassVar[bool] = True
    spreads: ClassVar[bool] = True
    runs_models: ClassVar[bool] = True  # a model task's strata decide the splits
    depends_on: ClassVar[tuple[str, ...]] = ("ftfy", "phonenumbers", "pyarrow", "rensa", "scikit-learn")

    def made_for(self) -> str:
        """The model task of the rows."""
        return catalog.canonical(self.model_task)

    def made(self, data: Files, models: Models, task: Task) -> Dataset:
        """As `run`; memory grows by some 50 bytes a row."""
        schema = schema_of(self.model_task)
        followed = Followed()
        made = self.gather(data, task, StoredRows(task.scratch, schema), followed, models)
        tally, ledger = made.tally, made.ledger
        counts = {split: ledger.counts(place) for place, split in enumerate(PLACES)}
        refuse_empty(counts, tally)
        shares = shares_of(data, validation=self.validation, test=self.test)
        labels = label_order(counts, self._order(), shares) if schema.classes else None
        give_back()
        splits = write_splits(
            task.output,
            made.rows,
            ledger,
            counts,
            lambda path, sources: Split(path, schema, sources),
            followed,
        )
        card = describe(splits, counts, tally, rows_in=made.rows_in, labels=labels)
        card |= by_operators(self.operators, tally) | made.described(self.region)
        card |= followed.described(ledger, TextView(schema), self.region)
        card |= drift_of(self.drift, data, self.made_for(), models.get("embedder"), task)
        expected = met(self.expect, Found(counts, tally, made.rows_in, numbers_of(card)))
        if made.ranking is not None:
            first = write_ranking(task.output, made.ranking, made.rows, ledger, Shown(self.region))
            card["label_noise"] = described(made.ranking, first)
        warnings = text_warnings(counts, tally, self._order() if schema.classes else None)
        for sentence in warnings:
            task.say(f"warning: {sentence}.")
        if warnings := [*operator_warnings(self.operators), *warnings]:
            card["warnings"] = warnings
        write_card(task.output, {**card, **declared(data, data.names, self.licence, self.licences)})
        return Dataset(path=task.output, meta=schema.meta(labels), summary=summary(card, expected))

    def gather(self, data: Files, task: Task, rows: StoredRows, watch: Watch, models: Models) -> Ranked:
        """Read, clean and store all rows, drop duplicates and split the pool; nothing is written yet."""
        names, schema, tally = self.row_names(data), schema_of(self.model_task), Tally()
        joins = self.joins(data, models, lambda name: self._texts(data, name, schema))
        for sentence in operator_warnings(self.operators):
            task.say(f"warning: {sentence}.")
        size = size_of(data, names)
        alone = not rows.shared or bool(models)  # a model would be loaded by each process
        if alone and task.workers_of is not None:
            task.say(
                f"note: with {' and '.join(f'`{port}`' for port in sorted(models))} all is done in this "
                "process; the engine's workers aren't used."
            )
        with contextlib.nullcontext() if alone else workers_of(task, size) as workers:
            losses = self._store(data, models, names, rows, schema, tally, task, Meter(size), workers)
            watch.stored(rows.size, tally)
            ledger = join_texts(rows, schema, joins, tally, losses, self.max_unusable, task, watch, workers)
        ranking = None
        if self.label_noise is not None:
            ranking = rank(rows, ledger, self.label_noise, tally, task, seed=self.seed)
            watch.joined("label noise", ledger)
        self.thin_out(rows, ledger, tally, watch)
        return Ranked(rows, ledger, tally, sum(loss.rows for loss in losses), joins.semantic, ranking)

    def row_names(self, data: Files) -> list[str]:
        """The inputs whose rows are curated; BadRequest for an option that names one that isn't there."""
        named = {"transfer": self.transfer, "inputs": self.inputs, "licences": self.licences}
        return self._row_inputs(data, named)

    def _order(self) -> tuple[str, ...]:
        """Labels in the order of the option."""
        stated = self.labels.values() if isinstance(self.labels, dict) else self.labels
        return tuple(dict.fromkeys(stated))

    def _store(
        self,
        data: Files,
        models: Models,
        names: list[str],
        stored: StoredRows,
        schema: Schema,
        tally: Tally,
        task: Task,
        meter: Meter,
        workers: Workers | None,
    ) -> list[Loss]:
        """Read, clean and store all rows; returns what each input had and lost."""
        operators = opened(self.operators, data, models)
        outside, losses = self.outside(), []
        for name in names:
            tell = progress.reading(task, meter, name)
            cleaner = self.cleaner(name, schema, operators, outside)
            had, dropped = stored.rows, tally.dropped.copy()
            pieces = pieces_of(name, data.folder(name), cleaner.reading, tally, meter)
            if workers is None:
                for rows in cleaner.cleaned(pieces, tally, outside.found):
                    stored.add_all(rows)
                    tell(stored.rows)
            else:
                for made in workers.map(cleaner, pieces):
                    tally.add(made.tally)
                    outside.found |= made.found
                    stored.extend(made.batch, made.strata, made.characters)
                    tell(stored.rows)
            lost = tally.dropped - dropped
            unusable = Counter({reason: lost[reason] for reason in cleaner.reading.unusable if lost[reason]})
            losses.append(Loss(name, stored.rows - had + lost.total(), unusable))
        stored.flush()
        outside.refuse_unknown({stratum.label for stratum in stored.strata})
        if schema.classes and not self.labels and not self.bins:
            self._join_numbers(stored, tally)
        return losses

    def cleaner(
        self, name: str, schema: Schema, operators: tuple[Chosen, ...], outside: OutOfScope
    ) -> Cleaner:
        """What is done to the rows of an input."""
        reading = self.reading(name, schema)
        every = self.is_outside(name, schema)
        return Cleaner(name, reading, self.cleaning(reading), operators, outside, every)

    def _texts(self, data: Files, name: str, schema: Schema) -> Iterator[str]:
        """Texts of an evaluation set, cleaned like rows; a target that is a text is none of them."""
        reading, tally = replace(self.reading(name, schema), label=None, place=TRANSFER), Tally()
        cleaner = Cleaner(
            name,
            reading,
            self.cleaning(reading),
            (),
            OutOfScope.of((), 0, normalise=False, seed=0),
            every=False,
        )
        pieces = pieces_of(name, data.folder(name), reading, tally, Meter(0))
        for rows in cleaner.cleaned(pieces, tally, set()):
            yield from (row.text for row in rows)

    def _join_numbers(self, stored: StoredRows, tally: Tally) -> None:
        """Make labels that are one whole number one label."""
        if names := equal_numbers({stratum.label for stratum in stored.strata}):
            tally.changed["label number shortened"] += stored.rename(names)

    def cleaning(self, reading: Reading) -> tuple[Operator, ...]:
        """What the options ask for, in the order in which a row passes it; limits of length are the last."""
        return operators_for(
            reading.schema,
            bad_bytes=reading.layout.encoding == REPLACE,
            normalise=self.normalise and not self.lists("normalise"),
            redact=() if self.lists("redact") else self.redact,
            region=self.region,
            min_chars=self.min_chars,
            max_chars=self.max_chars,
        )

    def outside(self) -> OutOfScope:
        """Which rows are out of scope, by the options."""
        share = self.test / (self.validation + self.test)
        return OutOfScope.of(self.out_of_scope, share, normalise=self.normalise, seed=self.seed)

    def is_outside(self, name: str, schema: Schema) -> bool:
        """Whether every row of an input is out of scope."""
        return schema.classes and name in out_of_scope.INPUTS and name not in self.transfer

    def reading(self, name: str, schema: Schema) -> Reading:
        """The options as they hold for one input."""
        own = self.inputs.get(name, InputOptions())
        place = self.place_of(name)
        labelled = place != TRANSFER and not self.is_outside(name, schema)
        layout = Layout(
            format=own.format or self.format,
            columns=self.columns if own.columns is None else own.columns,
            encoding=own.encoding or self.encoding,
            key=own.key or "",
            delimiter=own.delimiter or self.delimiter or "",
            quotes=own.quotes or self.quotes,
        )
        text = own.text or self.text or schema.input
        return Reading(
            layout=layout,
            schema=schema,
            place=place,
            texts=(text,) if isinstance(text, str) else text,
            label=(own.label or self.label or schema.target) if labelled else None,
            group=(own.group or self.group) if labelled else None,
            group_prefix=self.group_prefix,
            source=self.source,
            bins=Bins.parse(self.bins) if self.bins else None,
            labels=Labels.of(
                out_of_scope.with_labels(self.labels, self.out_of_scope), normalise=self.normalise
            ),
        )
