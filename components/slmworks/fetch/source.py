"""Where bytes come from: one outside reference of a recipe, parsed and pinned.

A Source knows what it names and what of that is identity. It opens no connection: fetching is the
business of the `files` plugin.
"""

import os
import re
from dataclasses import asdict, dataclass, replace
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import file_digest
from slmworks.fetch import local
from slmworks.fetch.limits import check_names
from slmworks.fetch.url import refuse_credentials, refuse_unknown_scheme

if TYPE_CHECKING:
    from slmworks.registry.log import Registry

Kind = Literal["local", "url", "hf", "pypi", "registry"]

COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
HUB = re.compile(r"((?:datasets/)?[\w.-]+/[\w.-]+)@([^/@\s]+)(?:/(.*))?")
PACKAGE = re.compile(r"([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)==([A-Za-z0-9][\w.!+-]*)(?:/(.*))?")
REGISTERED = re.compile(r"models:/([A-Za-z0-9][\w.-]*)(?:@(champion|candidate|previous)|/([1-9]\d*))")
ARCHIVES = ("tar", "zip")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One outside reference. Make it with `parse`."""

    kind: Kind
    location: str
    """`local`: absolute path or glob; `url`: the URL; `hf`: `owner/name`; `pypi`: the package's name;
    `registry`: the model's name."""
    version: str = ""
    """`hf`: the revision; `pypi`: the exact version; `registry`: an alias or a version's number."""
    inside: str = ""
    """`hf` and `pypi`: path, folder or glob within the repository or package; empty: all of it."""
    members: tuple[tuple[str, str], ...] = ()
    """Archives to open, outermost first: (`tar` or `zip`, path or glob within)."""
    sha256: str = ""
    """Digest that the one downloaded file must have; empty: not given."""
    text: str = ""
    """As it was written, without the digest; for display."""
    digests: tuple[tuple[str, str], ...] = ()
    """`local`, once pinned: (path relative to the source's root, sha256), sorted; `registry`, once pinned:
    the version and the digest of its model."""
    absent: str = ""
    """`registry`, once pinned: why there is no such model (yet), in words."""

    @classmethod
    def parse(cls, text: str, *, folder: Path, look: bool = True) -> "Source":
        """Read a reference as written in a recipe that lies in `folder`. No network.

        Without `look` nothing is asked of this machine's disk: files may arrive later, or be another's.

        BadRequest (without the place, which the caller knows): a missing file, an unknown scheme,
        credentials in a URL (never repeated in the message), a malformed digest or version.
        """
        if not text.strip():
            raise BadRequest(
                "an empty source; name a file, a URL, hf://owner/name@revision or pypi://name==version/…."
            )
        if text.strip().startswith("models:"):
            return _registered(text.strip())
        chain = text.strip().split("::")
        for link in chain:
            refuse_credentials(link)
        address, sha256 = _split_digest(chain[-1])
        members = tuple(_member(link) for link in reversed(chain[:-1]))
        source = _origin(address, folder, look=look)
        written = "::".join([*chain[:-1], address])
        return _checked(replace(source, members=members, sha256=sha256, text=written), look=look)

    @classmethod
    def load(cls, data: dict[str, Any]) -> Self:
        """The Source that `dump` wrote."""
        pairs = {name: tuple((a, b) for a, b in data[name]) for name in ("members", "digests")}
        return cls(**{**data, **pairs})

    def dump(self) -> dict[str, Any]:
        """All of it as JSON values, with the absolute place of local files (which is not identity)."""
        data = asdict(self)
        return data | {name: [list(pair) for pair in data[name]] for name in ("members", "digests")}

    def pin(self, registry: "Registry | None" = None) -> "Source":
        """Hash local files and look up registered models, so that identity is the content.

        Other sources are returned as they are, and so is a registered model where no `registry` is given.
        """
        if self.digests or self.absent:
            return self
        if self.kind == "registry" and registry is not None:
            return self._look_up(registry)
        if self.kind != "local":
            return self
        files = self.files()
        if not files:
            raise BadRequest(_nothing_at(self.text or self.location, self.location))
        digests = tuple((path, file_digest(file)) for path, file in files.items())
        if self.sha256 and digests[0][1] != self.sha256:
            raise BadRequest(wrong_digest(self.label, self.sha256, digests[0][1]))
        return replace(self, digests=digests)

    def _look_up(self, registry: "Registry") -> "Source":
        if self.version.isdigit():
            version = registry.state(self.location).version(int(self.version))
        elif self.location not in registry.names():
            return replace(self, absent=f"no model is registered as {self.location} yet")
        else:
            state = registry.state(self.location)
            if self.version not in state.aliases:
                return replace(self, absent=f"{self.location} has no {self.version} yet")
            version = state.version(state.aliases[self.version])
        return replace(self, digests=((str(version.number), version.registered.model_digest),))

    def identity(self) -> dict[str, Any]:
        """What it is, never where it lies on this machine: JSON values."""
        if self.kind == "registry":
            return {"kind": "registry", "digest": self.digests[0][1] if self.digests else ""}
        inner = {"members": [list(pair) for pair in self.members], "inside": self.inside}
        if self.kind == "local":
            files = [list(pair) for pair in self.pin().digests]
            return {"kind": "local", "files": files, "members": inner["members"]}
        if self.sha256:
            # The name under which a bare file is written is part of what comes out.
            name = "" if self.members or self.kind == "pypi" else self.filename
            return {"kind": self.kind, "sha256": self.sha256, "name": name, **inner}
        return {"kind": self.kind, "location": self.location, "version": self.version, **inner}

    def files(self) -> dict[str, Path]:
        """`local` only: path relative to the source's root -> file, sorted."""
        return local.listing(self.location)

    @property
    def moves(self) -> bool:
        """Whether the same words can mean other bytes tomorrow."""
        if self.kind == "hf":
            return not COMMIT.fullmatch(self.version)
        return self.kind in ("local", "url") and not self.sha256

    @property
    def unprotected(self) -> bool:
        """Whether somebody on the way could change the bytes unnoticed: plain http from another machine."""
        host = urlsplit(self.location).hostname if self.kind == "url" else None
        plain = self.location.startswith("http://") and host not in ("localhost", "127.0.0.1", "::1")
        return self.kind == "url" and plain and not self.sha256

    @property
    def uri(self) -> str:
        """Where it lies, as other tools write it."""
        inside = f"/{self.inside}" if self.inside else ""
        return {
            "local": f"file://{self.location}",
            "url": self.location,
            "hf": f"hf://{self.location}@{self.version}{inside}",
            "pypi": f"pypi://{self.location}=={self.version}{inside}",
            "registry": f"models:/{self.location}@{self.version}",
        }[self.kind]

    @property
    def label(self) -> str:
        """A short name for people, such as `pypi vaderSentiment==2.5`."""
        if self.kind == "pypi":
            return f"pypi {self.location}=={self.version}"
        if self.kind == "hf":
            return f"hf {self.location}@{self.version[:12]}"
        if self.kind == "url":
            return f"{self.location.partition('://')[0]} {self.filename}"
        return self.text or self.filename

    @property
    def filename(self) -> str:
        """The last part of the path or URL."""
        path = self.location.partition("?")[0] if self.kind == "url" else self.location
        return path.rstrip("/").rpartition("/")[2]


def _registered(text: str) -> Source:
    found = REGISTERED.fullmatch(text)
    if not found:
        raise BadRequest(
            f"{text}: write models:/NAME@champion (or @candidate, @previous) or models:/NAME/VERSION."
        )
    name, alias, number = found.groups()
    return Source(kind="registry", location=name, version=alias or number, text=text)


def wrong_digest(what: str, expected: str, got: str) -> str:
    """The sentence for bytes that are not the ones that were asked for."""
    return (
        f"{what}: expected sha256 {expected} but got {got}; "
        "the file is not the one that was pinned. If the new one is meant, write its sha256."
    )


def _split_digest(link: str) -> tuple[str, str]:
    """The address and the sha256 of its `#sha256=…`; only URLs refuse other fragments."""
    address, mark, fragment = link.rpartition("#")
    if not mark or ("://" not in link and not fragment.startswith("sha256=")):
        return link, ""
    key, _, digest = fragment.partition("=")
    if key != "sha256":
        raise BadRequest(f"{address}: what follows # must be sha256=<64 hex digits>.")
    if not SHA256.fullmatch(digest.lower()):
        raise BadRequest(f"{address}: sha256 must be 64 hex digits, not {len(digest)} characters.")
    return address, digest.lower()


def _member(link: str) -> tuple[str, str]:
    scheme, mark, path = link.partition("://")
    if not mark or scheme not in ARCHIVES:
        raise BadRequest(
            f"{link}: before '::' comes an archive's member, tar://path/inside or zip://path/inside."
        )
    return scheme, path.strip("/")


def _origin(address: str, folder: Path, *, look: bool) -> Source:
    scheme, mark, rest = address.partition("://")
    if not mark:
        return _local(address, folder, look=look)
    if scheme in ("file", "local"):
        return _local(rest, folder, look=look)
    if scheme == "hf":
        return _hub(address, rest)
    if scheme == "pypi":
        return _package(address, rest)
    if scheme in ARCHIVES:
        raise BadRequest(f"{address}: says what is inside an archive; add '::' and where the archive is.")
    refuse_unknown_scheme(scheme, address)
    return Source(kind="url", location=address)


def _local(path: str, folder: Path, *, look: bool) -> Source:
    location = os.path.normpath(folder.absolute() / path)
    if look:
        files = local.listing(location)
        if not files:
            raise BadRequest(_nothing_at(path, location))
        check_names(path, files)
    return Source(kind="local", location=location)


def _nothing_at(path: str, location: str) -> str:
    what = "no files in" if Path(location).is_dir() else "no such file:"
    return f"{what} {path}; paths are relative to the recipe's folder."


def _hub(address: str, rest: str) -> Source:
    found = HUB.fullmatch(rest)
    if not found:
        raise BadRequest(
            f"{address}: write hf://owner/name@revision, with a commit, tag or branch after the @."
        )
    repository, revision, inside = found.groups()
    return Source(kind="hf", location=repository, version=revision, inside=(inside or "").strip("/"))


def _package(address: str, rest: str) -> Source:
    found = PACKAGE.fullmatch(rest)
    if not found or found[2].endswith(".*"):
        raise BadRequest(
            f"{address}: write pypi://name==version/path/inside, with one exact version after ==."
        )
    name, version, inside = found.groups()
    return Source(kind="pypi", location=name, version=version, inside=(inside or "").strip("/"))


def _checked(source: Source, *, look: bool) -> Source:
    """Refuse a digest where there is not one downloaded file, and archives that are several files."""
    many = look and source.kind == "local" and len(source.files()) != 1
    pattern = source.kind == "url" and not source.location.startswith("http") and has_magic(source.location)
    several = many or pattern or source.kind == "hf"
    if source.sha256 and several:
        raise BadRequest(f"{source.text}: sha256 is of one file, and this can be several; name one file.")
    if source.members and several:
        raise BadRequest(f"{source.text}: only one file can be opened as an archive; name one file.")
    return source
