"""How much one source may bring: bytes, files, and how far an archive may swell."""

from collections.abc import Iterable
from dataclasses import dataclass

from slmworks.contract.errors import BadRequest
from slmworks.contract.file_names import colliding, refuse, written_out
from slmworks.contract.swelling import swollen

GIGABYTE = 10**9


@dataclass(frozen=True)
class Limits:
    """What a source may bring; each is an option of `fetch/files`."""

    gb: float
    """Gigabytes (10⁹ bytes) of a download, and of what comes out of it."""
    files: int
    """Files of a folder or a repository, and members of an archive."""
    ratio: float
    """Bytes out of an archive for each byte of it, where more than a gigabyte comes out."""

    def check_size(self, what: str, size: int | None) -> None:
        """BadRequest when a download has, or will have, more than `gb`."""
        if (size or 0) > self.gb * GIGABYTE:
            raise BadRequest(f"{what}: is more than {self.gb:g} GB. {_way_out('max_gb')}.")

    def check_count(self, what: str, count: int) -> None:
        """BadRequest for more files than are read."""
        if count > self.files:
            raise BadRequest(
                f"{what}: holds more than {self.files:,} files. {_way_out('max_files')}, or pack the rows "
                "into fewer files."
            )

    def check_unpacked(self, what: str, size: int, packed: int) -> None:
        """BadRequest when `packed` bytes of an archive became too many."""
        if swollen(size, packed, self.ratio):
            raise BadRequest(
                f"{what}: unpacks to more than {self.ratio:g} times its own size, as an archive does that is "
                f"made to fill a disk. {_way_out('max_ratio')}."
            )
        if size > self.gb * GIGABYTE:
            raise BadRequest(f"{what}: unpacks to more than {self.gb:g} GB. {_way_out('max_gb')}.")


def check_names(what: str, paths: Iterable[str]) -> None:
    """BadRequest unless every file system can hold these paths of files side by side."""
    named = list(paths)
    refuse(named, what)
    if both := colliding(named):
        one, other = (written_out(path) for path in both)
        why = "is a file, and a folder" if one == other else f"and '{other}' are one file on some disks"
        raise BadRequest(f"{what}: '{one}' {why}; refused, since what comes out would differ.")


def _way_out(option: str) -> str:
    return f"If that is meant, set {option} of a fetch step"
