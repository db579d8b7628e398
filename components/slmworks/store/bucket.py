"""A prefix in a bucket, in the few calls that a store makes.

Spoken through `obstore` (the Rust `object_store`), not `s3fs`: one wheel without dependencies that is
imported in 0.03 s where s3fs needs botocore's 30 MB and most of a second in every task; it sends
If-None-Match on S3 *and* the equivalent precondition on Google's and Azure's stores, where gcsfs and
adlfs look first and write then; and its calls are plain, blocking and safe to make from threads.
`gs://` and `az://` take the same path here, but are not tested: the proof that `prove` asks of every
server is what protects them.
"""

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, SlmworksError, TaskFailed
from slmworks.contract.file_names import wrong_with
from slmworks.store.answers import code_of, no_exclusive_create, stray_key, told
from slmworks.store.credentials import from_profile

PART = 8 * 2**20
"""Bytes of one request when a file is sent or fetched in parts."""
TRIES = 6
"""How often a request is repeated after a 5xx, a lost connection or a timeout (backing off, 0.1 s first)."""
PATIENCE = 60
"""Seconds after which a request is not repeated any more."""
REQUEST = 60
"""Seconds that one request may take, body included: 8 MiB at 140 kB/s."""
LONGEST_KEY = 1024
"""Bytes of a key, as S3 has it."""
PROOF = "exclusive-create"
"""Key that `prove` creates; it stays."""

_AZURE_PUBLIC = "https://blob.core.windows.net"


@dataclass
class Bucket:
    """A bucket (and a prefix in it); every error is a SlmworksError in one line."""

    url: str
    endpoint: str
    remote: Any
    """The client: an `obstore` store below the prefix."""
    reached: bool = False
    """Whether the server ever answered this process."""
    proven: bool = False
    """Whether the server was seen to refuse a second creator."""
    _alone: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def open(cls, url: str, scheme: str, bucket: str, prefix: str) -> "Bucket":
        """Make a client; the server is not called yet. BadRequest when `obstore` is not installed."""
        try:
            from obstore import store
        except ModuleNotFoundError:
            raise BadRequest(f"{url}: stores in a bucket need: pip install 'slmworks[s3]'") from None
        options: dict[str, Any] = {
            "prefix": prefix or None,
            "client_options": {
                "allow_http": True,  # the endpoint's own scheme decides
                "timeout": timedelta(seconds=REQUEST),
                "connect_timeout": timedelta(seconds=5),
            },
            "retry_config": {"max_retries": TRIES, "retry_timeout": timedelta(seconds=PATIENCE)},
        }
        try:
            if scheme == "gs":
                return cls(url, "https://storage.googleapis.com", store.GCSStore(bucket, **options))
            if scheme == "az":
                return cls(url, _AZURE_PUBLIC, store.AzureStore(bucket, **options))
            found: dict[str, Any] = dict(from_profile())
            return cls(url, _s3_endpoint(found), store.S3Store(bucket, **{**options, **found}))
        except SlmworksError:
            raise
        except Exception:  # noqa: BLE001 - the client's own texts may quote what is secret
            raise BadRequest(
                f"{url}: the environment's settings for this store don't fit together; check the AWS_… "
                "(or GOOGLE_…, AZURE_…) variables, AWS_ENDPOINT_URL first."
            ) from None

    def get(self, key: str) -> bytes | None:
        """The bytes of `key`, or None when it is absent."""
        import obstore

        with self._told():
            try:
                return bytes(obstore.get(self.remote, key).bytes())
            except FileNotFoundError as error:
                _require_absent(error)
        return None

    def notes(self, key: str) -> Mapping[str, str] | None:
        """What its writer noted on `key`, or None when it is absent. The body isn't read."""
        import obstore

        with self._told():
            try:
                return dict(obstore.get(self.remote, key).attributes)
            except FileNotFoundError as error:
                _require_absent(error)
        return None

    def put(self, key: str, what: bytes | Path, **notes: str) -> None:
        """Create or replace `key`; it appears whole or not at all. Files go in parts, a few at a time."""
        import obstore

        size = what.stat().st_size if isinstance(what, Path) else len(what)
        with self._told():
            obstore.put(
                self.remote,
                key,
                what,
                attributes=notes,
                chunk_size=max(PART, size // 9000),  # a server takes 10,000 parts
                max_concurrency=4,
            )

    def create(self, key: str, data: bytes) -> bool:
        """Create `key` only if it is absent.

        The note on a key that is there tells whose it is: a repeated request can find what its own first
        try wrote. A key that is *not* there after all was in the middle of another's write (409).
        """
        import obstore

        writer = uuid.uuid4().hex
        for attempt in range(TRIES):
            with self._told():
                try:
                    obstore.put(self.remote, key, data, mode="create", attributes={"writer": writer})
                except obstore.exceptions.AlreadyExistsError:
                    notes = self.notes(key)
                else:
                    return True
            if notes is not None:
                return notes.get("writer") == writer
            time.sleep(0.1 * 2**attempt)
        raise TaskFailed(f"{self.url}/{key}: others write it all the time; run it again.")

    def prove(self) -> None:
        """See the server refuse to create a key twice; BadRequest when it overwrites."""
        import obstore

        with self._alone:
            if self.proven:
                return
            with self._told():
                for _ in range(2):
                    try:
                        obstore.put(self.remote, PROOF, b"", mode="create")
                    except obstore.exceptions.AlreadyExistsError:
                        self.proven = True
                        return
            raise no_exclusive_create(self.url, self.endpoint)

    def children(self, prefix: str) -> list[str]:
        """The names directly below the folder `prefix`: one request a thousand of them."""
        with self._told():
            found = self.remote.list_with_delimiter(prefix.strip("/"))
        paths = [*found["common_prefixes"], *(meta["path"] for meta in found["objects"])]
        return sorted(path.strip("/").rpartition("/")[2] for path in paths)

    def list(self, prefix: str) -> dict[str, int]:
        """Key -> size (bytes) of all below the folder `prefix`; BadRequest for a key that is no path."""
        with self._told():
            found = {meta["path"]: meta["size"] for meta in self.remote.list(prefix.strip("/")).collect()}
        for key in found:
            if wrong_with(key, longest=LONGEST_KEY):
                raise stray_key(self.url, key)
        return found

    def delete(self, keys: Sequence[str]) -> None:
        """Remove keys, a thousand a request; absent ones are fine."""
        import obstore

        with self._told(), contextlib.suppress(obstore.exceptions.NotFoundError, FileNotFoundError):
            if keys:
                obstore.delete(self.remote, list(keys))

    def fetch(self, key: str, size: int, path: Path) -> None:
        """Write the bytes of `key` to a file, part by part."""
        import obstore

        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            for start in range(0, size, PART):
                with self._told():
                    part = obstore.get_range(self.remote, key, start=start, end=min(size, start + PART))
                stream.write(part)

    def move(self, key: str, to: str) -> None:
        """Give `key` another name (a copy inside the server, then a deletion)."""
        import obstore

        with self._told():
            obstore.copy(self.remote, key, to)
            obstore.delete(self.remote, key)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        import obstore

        try:
            yield
        except (obstore.exceptions.BaseError, FileNotFoundError, PermissionError) as error:
            raise told(error, url=self.url, endpoint=self.endpoint, reached=self.reached) from None
        self.reached = True


def _require_absent(error: FileNotFoundError) -> None:
    """Raise it again unless only the key is missing (not the bucket)."""
    if code_of(error) not in ("NoSuchKey", "BlobNotFound", "404"):
        raise error


def _s3_endpoint(found: Mapping[str, str]) -> str:
    given = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or found.get("region")
    return given or found.get("endpoint") or f"https://s3.{region or 'us-east-1'}.amazonaws.com"
