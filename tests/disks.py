"""Disks that can less than this one, for this process and for those that it starts.

`nfs`: Linux makes byte-range locks of `flock` there, so a shared one needs a descriptor to read and an exclusive
one a descriptor to write, which no folder has. `no_links`: as exFAT, SMB shares and some of FUSE.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

NFS = """
import errno, fcntl, os
_flock = fcntl.flock
def flock(handle, how):
    number = handle if isinstance(handle, int) else handle.fileno()
    mode, kind = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE, how & ~fcntl.LOCK_NB
    with open(os.environ["DISK_LOG"], "a") as log:
        print({fcntl.LOCK_SH: "shared", fcntl.LOCK_EX: "exclusive"}.get(kind, "none"), file=log)
    if (kind, mode) in ((fcntl.LOCK_SH, os.O_WRONLY), (fcntl.LOCK_EX, os.O_RDONLY)):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return _flock(handle, how)
fcntl.flock = flock
"""

NO_LINKS = """
import os
def link(source, target, **_):
    number = int(os.environ["DISK_LINK_ERROR"])
    with open(os.environ["DISK_LOG"], "a") as log:
        print("link", file=log)
    raise OSError(number, os.strerror(number), str(source), None, str(target))
os.link = link
"""

Asked = Callable[[], set[str]]
"""What was asked of the disk so far: `shared` and `exclusive` locks, `link`."""


def _imitate(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    (folder / "sitecustomize.py").write_text(code)
    log = folder / "asked"
    log.touch()
    monkeypatch.setenv("DISK_LOG", str(log))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    exec(compile(code, "disks", "exec"), {})
    return lambda: set(log.read_text().split())


@pytest.fixture
def nfs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Locks as NFS has them."""
    import fcntl

    monkeypatch.setattr(fcntl, "flock", fcntl.flock)  # put back afterwards
    return _imitate(NFS, tmp_path_factory.mktemp("nfs"), monkeypatch)


@pytest.fixture
def no_links(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """No hard links; the error is that of exFAT, or what DISK_LINK_ERROR says."""
    monkeypatch.setattr(os, "link", os.link)  # put back afterwards
    monkeypatch.setenv("DISK_LINK_ERROR", "1")
    return _imitate(NO_LINKS, tmp_path_factory.mktemp("no-links"), monkeypatch)
