"""A wheelhouse as requirements with hashes; refuses a wheel that no lock lists."""

import hashlib
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
LOCKS = ("lock.txt", "cuda-lock.txt", "torch-cpu-lock.txt")


def listed() -> set[tuple[str, str]]:
    """(Name, sha256) of every file that the locks allow."""
    found, name = set(), ""
    for line in "".join((HERE / lock).read_text() for lock in LOCKS).splitlines():
        if pin := re.match(r"([a-z0-9-]+)==", line):
            name = pin[1]
        found |= {(name, digest) for digest in re.findall(r"sha256:([0-9a-f]{64})", line)}
    return found


def main() -> None:
    """Print one line a wheel of the folder in the first argument."""
    allowed = listed()
    for wheel in sorted(Path(sys.argv[1]).glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        name = re.sub(r"[-_.]+", "-", name).lower()
        with wheel.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if (name, digest) not in allowed:
            sys.exit(f"{wheel.name}: sha256 {digest} is in no lock; refused. `make lock` writes them.")
        print(f"{name}=={version} --hash=sha256:{digest}")


if __name__ == "__main__":
    main()
