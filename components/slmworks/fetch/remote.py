"""Files behind any fsspec URL: https, s3, gs, az, memory and more.

Credentials come from the environment or the service's own configuration, never from the URL. A redirect from
a public host to a private one is not followed.
"""

from collections.abc import Callable
from glob import has_magic
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.fetch.limits import Limits, check_names
from slmworks.fetch.local import fixed_part, hidden
from slmworks.fetch.redirects import redirects_watched
from slmworks.fetch.source import Source
from slmworks.fetch.url import redacted

PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs",
    "abfss": "adlfs", "http": "aiohttp", "https": "aiohttp", "sftp": "paramiko", "ssh": "paramiko",
}  # fmt: skip
"""The package that fsspec needs for a scheme."""


def download(
    source: Source, folder: Path, advance: Callable[[int, int | None], None], limits: Limits
) -> list[Path]:
    """Write the file, folder or glob that the URL names below `folder`; returns the files, sorted.

    BadRequest for what isn't there, for refused credentials and redirects, and above the limits; TaskFailed
    when it cannot be read now.
    """
    place = redacted(source.location)
    try:
        files, root = _open(source.location)
        names = _names(files, root, web=source.location.startswith("http"))
        if not names:
            raise BadRequest(f"{place}: no such file.")
        total = sum(size for _, size in names.values()) or None
        limits.check_count(place, len(names))
        limits.check_size(place, total)
        check_names(place, names)

        def counted(done: int, of: int | None) -> None:
            limits.check_size(place, max(done, of or 0))
            advance(done, of)

        return [
            _get(files, remote, folder / name, total, counted) for name, (remote, _) in sorted(names.items())
        ]
    except FileNotFoundError:
        raise BadRequest(f"{place}: no such file.") from None
    except (OSError, TimeoutError, _client_error()) as error:
        raise _unread(place, error) from None


def _unread(place: str, error: Exception) -> BadRequest | TaskFailed:
    """A refusal and an address that is none are the user's to mend; anything else may pass."""
    status = getattr(error, "status", None)
    if status in (401, 403):
        return BadRequest(f"{place}: refused ({status}); check the credentials in the environment.")
    if isinstance(error, ValueError):  # aiohttp's InvalidURL
        return BadRequest(f"{place}: not an address; write scheme://host/path.")
    problem = f"{type(error).__name__} {status}" if status else type(error).__name__
    return TaskFailed(
        f"{place}: could not be read ({problem}); check the network and the credentials in the environment, "
        "and run again."
    )


def _open(location: str) -> tuple[Any, str]:
    """The file system and the path on it; BadRequest with the install line when its package is missing."""
    import fsspec

    scheme = location.partition("://")[0]
    try:
        options: dict[str, Any] = {}
        if scheme in ("http", "https"):
            import aiohttp

            # aiohttp gives up after five minutes in total, which a large file can take.
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
            watch = [redirects_watched()]
            options = {"client_kwargs": {"trust_env": True, "timeout": timeout, "trace_configs": watch}}
        return fsspec.url_to_fs(location, **options)  # type: ignore[no-any-return]
    except ImportError as error:
        package = PACKAGES.get(scheme, "")
        way_out = f"pip install {package}" if package else str(error)
        raise BadRequest(f"{scheme}:// needs a package that is not installed here: {way_out}") from None


def _names(files: Any, root: str, *, web: bool) -> dict[str, tuple[str, int]]:
    """Path to write -> (path on the file system, bytes)."""
    if web:
        return {root.partition("?")[0].rstrip("/").rpartition("/")[2] or "index": (root, 0)}
    if has_magic(root):
        found = {path: files.info(path) for path in files.glob(root)}
        top = fixed_part(root)
    elif files.isfile(root):
        return {root.rpartition("/")[2]: (root, files.size(root) or 0)}
    else:
        found = files.find(root, detail=True)
        top = root.rstrip("/")
    named = {
        path[len(top) :].strip("/"): (path, info) for path, info in found.items() if info["type"] == "file"
    }
    return {name: (path, info["size"] or 0) for name, (path, info) in named.items() if not hidden(name)}


def _get(
    files: Any, remote: str, target: Path, total: int | None, advance: Callable[[int, int | None], None]
) -> Path:
    from fsspec.callbacks import Callback

    class Advance(Callback):  # type: ignore[misc]
        """Counts the bytes of one file."""

        def call(self, *_: Any, **__: Any) -> None:
            advance(self.value, total or self.size)

    target.parent.mkdir(parents=True, exist_ok=True)
    files.get_file(remote, str(target), callback=Advance())
    return target


def _client_error() -> type[Exception]:
    try:
        from aiohttp import ClientError
    except ImportError:
        return OSError
    return ClientError
