"""Run ONE task, the same way on every engine: identity, cache, run, commit, record.

    slmworks task --spec <base64> --in teacher=<manifest> … --out <manifest>

An engine hands over manifests and gets one back; the bytes stay in the store. A kill -9 at any moment
leaves nothing that another task would see.
"""

import contextlib
import itertools
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from slmworks.contract import catalog
from slmworks.contract.artifact import Artifact, Files
from slmworks.contract.errors import BadRequest, CorruptObject, SlmworksError, TaskFailed, first_line
from slmworks.contract.ledger import Ledger
from slmworks.contract.manifest import File, Manifest, is_tree, scan, stranger, tree_digest
from slmworks.contract.options import OptionError, configure, plain
from slmworks.contract.stage import Emit, Port, Stage, Task, output, ports, takes, task_class
from slmworks.contract.workers import Workers, engine_of
from slmworks.execution import index
from slmworks.execution.cache import adopt, find
from slmworks.execution.environment import missing_module, other_code
from slmworks.execution.identity import code_digest, identify, shared_fingerprint
from slmworks.execution.inputs import open_input, pin, require_whole
from slmworks.execution.missing_inputs import Given, absence, digests_of, present
from slmworks.execution.origins import Origins
from slmworks.execution.outcome import Outcome, State
from slmworks.execution.records import TaskRecord, run_record, utc
from slmworks.execution.resumption import checkpoint_folder
from slmworks.execution.spec import TaskSpec
from slmworks.fetch import Source
from slmworks.ledger.in_store import About, Use, open_ledger
from slmworks.machine.locks import lease, scratch_folder
from slmworks.machine.stopwatch import Spent, Stopwatch
from slmworks.registry.log import Registry
from slmworks.registry.task import ReleaseTask
from slmworks.store import Store, open_store
from slmworks.store.revival import revive

SPOOL = 30.0
"""Seconds between two records of a running task, so that its curves are uploaded while they grow."""


@dataclass
class Running:
    """One running task."""

    spec: TaskSpec
    given: Given
    emit: Emit
    store: Store
    plugin: Stage
    sources: Mapping[str, Source]
    nothing: Manifest | None
    """An empty manifest that says which input is missing; None if the task can run."""
    fingerprint: str
    names: Mapping[str, str] = field(default_factory=dict)
    """Digest of a model that given reports are about -> the step that made it."""
    metrics: list[dict[str, Any]] = field(default_factory=list)
    shared: dict[str, str] = field(default_factory=dict)
    ledgers: dict[str, str] = field(default_factory=dict)
    used: dict[str, Use] = field(default_factory=dict)
    """Identity of a ledger -> what this task has taken from it, and added."""
    started: float = field(default_factory=time.time)
    watch: Stopwatch = field(default_factory=Stopwatch)
    """Runs from the start of the work, after waiting for cores and leases."""
    spooled: float = field(default_factory=time.time)
    found: bool = False
    """True if the result was in the cache."""

    @classmethod
    def prepare(cls, spec: TaskSpec, given: Given, emit: Emit) -> "Running":
        """Load the plugin, validate its options and compute the identity. Imports nothing heavy."""
        found = catalog.plugin(spec.stage, spec.plugin)
        loaded = found.load()
        code = code_digest(loaded)
        if spec.code and spec.code != code:
            raise BadRequest(other_code(spec))
        plugin = configure(loaded, spec.plugin, spec.options)
        store = open_store(spec.store)
        sources = {name: pin(store, spec.run, Source.load(source)) for name, source in spec.sources.items()}
        nothing = absence(plugin, given, sources.values())
        names = _names(spec, given)
        given = present(given)
        identity = spec.brought or ("" if nothing else identify(spec, plugin, given, sources))
        return cls(spec, given, emit, store, plugin, sources, nothing, identity, names)

    def run(self) -> Outcome:
        """Find the result in the cache, or make it; then write the record."""
        try:
            outcome = self.deliver()
        except SlmworksError as error:
            self.record("failed", None, error=str(error))
            raise
        except ModuleNotFoundError as error:
            problem = missing_module(self.spec, error)
            self.record("failed", None, error=problem)
            raise BadRequest(problem) from error
        except Exception as error:
            problem = first_line(f"{type(error).__name__}: {error}")
            self.record("failed", None, error=problem, trace=traceback.format_exc())
            raise TaskFailed(f"{self.spec.id}: {problem}") from error
        self.record(outcome.state, outcome.manifest, error=outcome.error, cached=self.found)
        return outcome

    def deliver(self) -> Outcome:
        """Find the result in the cache, or make it. Writes no record."""
        if self.nothing is not None:
            return Outcome("absent", self.nothing, error=self.nothing.absent)
        with lease(self.store.cache, self.fingerprint, waiting=self._say_waiting):
            cached = (
                None if self.spec.fresh or not self.plugin.cacheable else find(self.store, self.fingerprint)
            )
            if cached is None and self.spec.brought:
                raise BadRequest(
                    f"{self.spec.id}: the files that it read are no longer in {self.store}; compile the "
                    "recipe again where they are."
                )
            manifest = cached or self._make()
        self.found = cached is not None
        if not manifest.passed:
            return Outcome("refused", manifest)
        return Outcome("cached" if self.found else "done", manifest)

    def say_busy(self) -> None:
        """Emit that another run has the machine's cores."""
        self.emit({"event": "waiting", "note": "another run has the cores"})

    def _say(self, line: str) -> None:
        self.emit({"event": "line", "line": line})

    def _say_waiting(self) -> None:
        self.emit({"event": "waiting", "note": "another run is doing the same"})

    def _make(self) -> Manifest:
        with (
            scratch_folder(self.store.cache, self.spec.id) as scratch,
            checkpoint_folder(self.store, self.fingerprint, fresh=self.spec.fresh) as checkpoints,
        ):
            self.watch = Stopwatch()
            inputs = self._inputs(scratch)
            (scratch / "output").mkdir()
            (scratch / "work").mkdir()
            result = self.plugin.run(**inputs, task=self._window(scratch, checkpoints))  # type: ignore[attr-defined]
            return self._commit(result, scratch)

    def _window(self, scratch: Path, checkpoints: Path | None) -> Task:
        given: dict[str, Any] = {
            "output": scratch / "output",
            "scratch": scratch / "work",
            "checkpoints": checkpoints,
            "threads": self.spec.threads,
            "seed": self.spec.seed,
            "emit": self._listen,
            "resolve": self._resolve,
            "share_with": partial(self._share, scratch),
            "ledger_of": self._ledger,
            "cost_of": self._cost,
            "workers_of": self._workers if self.spec.workers else None,
            "names": self.names,
        }
        if issubclass(task_class(type(self.plugin)), ReleaseTask):
            run = run_record(self.store, self.spec.run)
            registry = Registry(self.store, requester=run.requester if run else ("", ""))
            return ReleaseTask(**given, registry=registry)
        return Task(**given)

    def _listen(self, event: dict[str, Any]) -> None:
        if event["event"] == "metrics":
            self.metrics.append({"step": event["step"], "time": time.time(), **event["metrics"]})
            self._spool()
        self.emit(event)

    def _spool(self) -> None:
        if time.time() - self.spooled >= SPOOL:
            self.spooled = time.time()
            self.record("running", None)

    # --- inputs ------------------------------------------------------------------------------------

    def _inputs(self, scratch: Path) -> dict[str, Any]:
        """What the plugin's `run` takes: a port that it doesn't name isn't opened."""
        plugin = type(self.plugin)
        taken = (port for port in ports(plugin).values() if port.name in takes(plugin))
        return {port.name: self._input(port, scratch) for port in taken}

    def _input(self, port: Port, scratch: Path) -> Any:
        if port.kind is None:
            return dict(self.sources)
        if port.name in self.plugin.ignores or port.name not in self.given:
            if not port.optional and port.name not in self.plugin.ignores:
                raise BadRequest(
                    f"{self.spec.id}: nothing was given for `{port.name}`; add --in {port.name}=PATH."
                )
            return None
        given = self.given[port.name]
        opened = [open_input(self.store, self.spec, self.plugin, port, one, scratch) for one in given]
        return opened if port.many else opened[0]

    def _resolve(self, digest: str) -> Artifact:
        folder = self.store.folder(digest)
        if not is_tree(folder, digest):
            self.store.discard(digest)
            raise CorruptObject(
                f"objects/{digest[:12]}… is not what was committed. Run the recipe again to make it anew."
            )
        return Artifact.open(folder, digest=digest)

    def _cost(self, digest: str) -> float:
        found = Origins(self.store).of([digest]).get(digest)
        return (found.manifest.cpu_seconds or found.manifest.seconds) if found else 0.0

    def _workers(self, scratch: Path) -> contextlib.AbstractContextManager[Workers]:
        try:
            engine = engine_of(self.spec.workers)
        except OptionError as error:
            where = ".".join(map(str, ("curate", *error.where)))
            raise BadRequest(f"engine file, {where}: {error.problem}") from None
        return engine.start(self.spec.id, scratch)

    def _share(
        self,
        scratch: Path,
        name: str,
        inputs: Mapping[str, Artifact],
        options: Mapping[str, Any],
        build: Callable[[Path], None],
    ) -> Files:
        digests = {role: artifact.digest for role, artifact in inputs.items()}
        identity = shared_fingerprint(build.__module__, name, digests, options)
        with lease(self.store.cache, identity, waiting=self._say_waiting):
            manifest = None if self.spec.fresh else find(self.store, identity)
            if manifest is None:
                folder = scratch / f"share-{name}"
                folder.mkdir()
                watch = Stopwatch()
                build(folder)
                made = Files(path=folder, meta={"shared": name}, refs=digests)
                read = {role: (digest,) for role, digest in digests.items()}
                manifest = self._keep(made, identity, inputs=read, spent=watch.spent())
            else:
                require_whole(self.store, manifest)
        self.shared[name] = manifest.digest
        return Files(path=self.store.folder(manifest.digest), digest=manifest.digest)

    @contextlib.contextmanager
    def _ledger(
        self, name: str, teacher: Artifact, options: Mapping[str, Any], version: int
    ) -> Iterator[Ledger]:
        about = About(name, teacher.as_teacher, options, version)
        user = {
            "run": self.spec.run,
            "task": self.spec.id,
            "plugin": self.spec.plugin,
            "teacher": teacher.digest,
        }
        use = self.used.get(about.identity)
        with open_ledger(self.store, about, user, use=use, say=self._say, waiting=self._say_waiting) as found:
            self.used[about.identity] = found.use
            yield found
        if about.identity not in self.ledgers.values():  # of several teachers, say
            others = (f"{name} {number}" for number in itertools.count(2))
            free = next(one for one in itertools.chain([name], others) if one not in self.ledgers)
            self.ledgers[free] = about.identity

    # --- output ------------------------------------------------------------------------------------

    def _commit(self, result: Any, scratch: Path) -> Manifest:
        wanted = output(type(self.plugin))
        if not isinstance(result, wanted):
            raise TaskFailed(
                f"{self.spec.stage} {self.spec.plugin} returned {type(result).__name__}; "
                f"it must return a {wanted.kind}."
            )
        handed_on = self._handed_on(result)
        if handed_on is not None:
            return handed_on
        if result.path != scratch / "output":
            raise TaskFailed(
                f"{self.spec.stage} {self.spec.plugin} returned {result.path}; an artifact must be made in "
                "task.output."
            )
        return self._keep(result, self.fingerprint, inputs=digests_of(self.given), spent=self.watch.spent())

    def _handed_on(self, result: Artifact) -> Manifest | None:
        """The manifest of an artifact of the store that the plugin returns as it is: no bytes are moved."""
        if not result.digest or result.path != self.store.folder(result.digest):
            return None
        revive(self.store, result.digest)
        same = (one for some in self.given.values() for one in some if one.digest == result.digest)
        return next(same, None) or self._manifest(result, scan(result.path), self.fingerprint, {}, Spent())

    def _keep(
        self, made: Artifact, identity: str, *, inputs: Mapping[str, tuple[str, ...]], spent: Spent
    ) -> Manifest:
        if left := stranger(made.path):
            raise TaskFailed(
                f"{self.spec.stage} {self.spec.plugin} left {left} in its output; copy the file instead."
            )
        files = made.seal()
        self.store.put(made.path, files)
        return self._manifest(made, files, identity, inputs, spent)

    def _manifest(
        self,
        made: Artifact,
        files: tuple[File, ...],
        identity: str,
        inputs: Mapping[str, tuple[str, ...]],
        spent: Spent,
    ) -> Manifest:
        found = catalog.plugin(self.spec.stage, self.spec.plugin)
        manifest = Manifest(
            kind=made.kind,
            format=made.format,
            digest=tree_digest(files),
            files=files,
            meta=dict(made.meta),
            refs=dict(made.refs),
            summary=dict(made.summary),
            fingerprint=identity,
            producer={
                "stage": self.spec.stage,
                "plugin": self.spec.plugin,
                "distribution": found.distribution,
                "version": found.version,
                "code": code_digest(type(self.plugin)),
                "options": plain(self.plugin),
            },
            inputs=dict(inputs),
            shared=dict(self.shared),
            ledgers=dict(self.ledgers),
            created=utc(time.time()),
            seconds=round(spent.seconds, 3),
            cpu_seconds=round(spent.cpu_seconds, 3),
        )
        index.note_made(self.store, manifest, self.spec.run)
        index.note_time(self.store, manifest)
        if not self.plugin.cacheable or not made.lasting:
            return manifest
        return adopt(self.store, manifest, replace_old=self.spec.fresh)

    def record(
        self,
        state: State,
        manifest: Manifest | None,
        *,
        error: str = "",
        trace: str = "",
        cached: bool = False,
    ) -> None:
        """Write the task's record, which is spooled for the lineage."""
        TaskRecord.of(
            self.spec,
            state,
            cached=cached,
            started=utc(self.started),
            ended=utc(time.time()),
            options=plain(self.plugin),
            inputs=digests_of(self.given),
            fingerprint=self.fingerprint,
            manifest=manifest,
            metrics=self.metrics,
            error=error,
            trace=trace,
        ).write(self.store)


def _names(spec: TaskSpec, given: Given) -> dict[str, str]:
    """Digest of a model -> the step that made it; none where other reports are given than planned."""
    known = [(given.get(port, ()), names) for port, names in spec.names.items()]
    return {
        one.refs["model"]: name
        for reports, names in known
        if len(reports) == len(names)
        for one, name in zip(reports, names, strict=True)
        if "model" in one.refs
    }
