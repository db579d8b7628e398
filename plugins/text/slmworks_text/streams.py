"""Files as streams of text, decompressed and decoded piece by piece; errors say file, line and byte."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, TextIO

from slmworks.contract.errors import BadRequest

Encoding = Literal["utf-8", "utf-8-replace", "utf-16", "latin-1", "cp1252"]

COMPRESSED = (".gz", ".zst")
"""Endings of compressed files; the ending before them names the format."""

LONGEST = 1 << 28
"""Characters in the longest line or cell; a longer one is a file without line ends."""

PIECE = 1 << 20


@dataclass
class Meter:
    """Bytes read of all files, for progress."""

    total: int
    before: int = 0
    """Bytes of the files that are done."""
    now: float = 0
    """Bytes of the file being read."""
    stream: IO[bytes] | None = None

    @property
    def done(self) -> float:
        """Bytes read so far."""
        if self.stream is not None and not self.stream.closed:
            self.now = self.stream.tell()
        return self.before + self.now

    def next_file(self, size: int) -> None:
        """Count a file that was read to its end."""
        self.before, self.now, self.stream = self.before + size, 0, None


@contextmanager
def text_of(
    path: Path, encoding: Encoding, meter: Meter, *, shown: str, newline: str = ""
) -> Iterator[TextIO]:
    """The file as text; BadRequest with line and byte for bytes that the encoding cannot read.

    Errors surface while the stream is read, so the reading must happen within the context.
    """
    errors = "replace" if encoding == "utf-8-replace" else "strict"
    try:
        with _opened(path, meter) as stream:
            yield io.TextIOWrapper(stream, _codec(encoding), errors, newline)
    except UnicodeDecodeError:
        raise _bad_byte(path, encoding, shown) from None
    except (EOFError, zlib.error, OSError) as error:
        if path.suffix not in COMPRESSED:
            raise
        raise BadRequest(
            f"{shown}: cannot be decompressed ({error}); damaged, cut short, or not a {path.suffix} file."
        ) from None


def lines(stream: TextIO, shown: str) -> Iterator[str]:
    """The lines with their ends; BadRequest for one that is too long for a row."""
    number = 0
    while line := stream.readline(LONGEST):
        number += 1
        if len(line) >= LONGEST:
            raise BadRequest(
                f"{shown}:{number}: a line of more than {LONGEST:,} characters; one row a line is expected."
            )
        yield line


@contextmanager
def _opened(path: Path, meter: Meter | None) -> Iterator[Any]:
    with path.open("rb") as raw:
        if meter is not None:
            meter.stream = raw
        if path.suffix == ".gz":
            with gzip.open(raw) as stream:
                yield stream
        elif path.suffix == ".zst":
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(raw), "zstd") as stream:
                yield io.BufferedReader(stream)
        else:
            yield raw


def _codec(encoding: Encoding) -> str:
    return "utf-8-sig" if encoding.startswith("utf-8") else encoding


def _bad_byte(path: Path, encoding: Encoding, shown: str) -> BadRequest:
    """The error about a byte, found by reading again: a stream that failed has lost its position."""
    decoder = codecs.getincrementaldecoder(_codec(encoding))()
    done, line = 0, 1
    with _opened(path, None) as stream:
        while True:
            piece = stream.read(PIECE)
            waiting = decoder.getstate()[0]
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", len(waiting), max(error.start, len(waiting)))
                byte = f"byte {done - len(waiting) + error.start} (0x{error.object[error.start]:02x})"
                return BadRequest(
                    f"{shown}:{line}: {byte} is not {encoding}; set encoding to the file's own "
                    "(latin-1, utf-16, …), or to utf-8-replace to read bad bytes as '\ufffd'."
                )
            done += len(piece)
            line += piece.count(b"\n")
