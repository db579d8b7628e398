"""Files as streams of text, decompressed and decoded piece by piece; errors say file, line and byte."""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO

from slmworks.contract.errors import BadRequest
from slmworks.contract.swelling import RATIO, Counted, swollen
from slmworks_text.encodings import REPLACE, Encoding, codec_of

COMPRESSED = (".gz", ".zst", ".xz", ".bz2")
"""Endings of compressed files; the ending before them names the format."""
OTHERS = {
    b"\x1f\x8b": "compressed with gzip (.gz)", b"\x28\xb5\x2f\xfd": "compressed with zstd (.zst)",
    b"\xfd7zXZ\0": "compressed with xz (.xz)", b"BZh": "compressed with bzip2 (.bz2)",
    b"PK\x03\x04": "a zip archive or a workbook of Excel", b"\xd0\xcf\x11\xe0": "a workbook of old Excel",
    b"PAR1": "Parquet", b"%PDF-": "PDF", b"SQLite format 3\0": "a database of SQLite",
}  # fmt: skip
"""First bytes of files that hold no plain text, whatever their ending says."""

LONGEST = 1 << 24
"""Characters in the longest line or cell, some 5,000 pages; a longer one is a file without line ends."""

PIECE = 1 << 20

MARK = "\ufeff"
"""Byte order mark; of the codecs, only those of utf-8, utf-16 and utf-32 skip their own."""
MARKS = {
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
"""Encodings by their mark, the longer ones first."""


OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


class TooLarge(BadRequest):
    """More comes out of a file than is read."""


class Swollen(Exception):
    """Far more comes out of a compressed file than out of one that holds text."""


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
    path: Path, encoding: Encoding, meter: Meter | None, *, shown: str, newline: str = ""
) -> Iterator[TextIO]:
    """The file as text; BadRequest with line and byte for bytes that the encoding cannot read.

    Errors surface while the stream is read, so the reading must happen within the context.
    """
    errors = "replace" if encoding == REPLACE else "strict"
    try:
        with _refused(path, shown), _opened(path, meter) as stream:
            _refuse_other(path, encoding, shown)
            yield io.TextIOWrapper(stream, codec_of(encoding), errors, newline)
    except UnicodeError as error:
        raise _bad_byte(path, encoding, shown, str(error)) from None


@contextmanager
def _refused(path: Path, shown: str) -> Iterator[None]:
    """BadRequest for a file that swells without end, or cannot be decompressed."""
    try:
        yield
    except Swollen:
        raise TooLarge(
            f"{shown}: decompresses to more than {RATIO} times its own size, as a file does that is made to "
            "fill a disk. If that is meant, decompress it before."
        ) from None
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if path.suffix.lower() not in COMPRESSED:
            raise
        raise BadRequest(
            f"{shown}: cannot be decompressed ({error}); damaged, cut short, or not a {path.suffix} file."
        ) from None


def bytes_of(path: Path, most: int, *, shown: str) -> bytes:
    """A file whole, decompressed; BadRequest for one of more than `most` bytes, or that is damaged."""
    with _refused(path, shown), _opened(path, None) as stream:
        content: bytes = stream.read(most + 1)
    if len(content) > most:
        raise TooLarge(f"{shown}: more than {most:,} bytes; split it.")
    return content


def lines(stream: TextIO, shown: str) -> Iterator[str]:
    """The lines with their ends, without a byte order mark; BadRequest for one too long for a row."""
    number = 0
    while line := stream.readline(LONGEST):
        number += 1
        if number == 1:
            line = line.removeprefix(MARK)
        if len(line) >= LONGEST:
            raise too_long(shown, number)
        yield line


def too_long(shown: str, number: int) -> BadRequest:
    """The error about a line that is too long for a row."""
    return BadRequest(
        f"{shown}:{number}: a line of more than {LONGEST:,} characters; one row a line is expected."
    )


@contextmanager
def _opened(path: Path, meter: Meter | None) -> Iterator[Any]:
    with path.open("rb") as raw:
        if meter is not None:
            meter.stream = raw
        ending = path.suffix.lower()
        if ending in OPENERS:
            with OPENERS[ending](raw) as stream:
                yield _watched(stream, path)
        elif ending == ".zst":
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(raw), "zstd") as stream:
                yield _watched(stream, path)
        else:
            yield raw


def _refuse_other(path: Path, encoding: Encoding, shown: str) -> None:
    """BadRequest for a file whose first bytes are those of no text, or of UTF-16 read as something else."""
    if path.suffix.lower() in COMPRESSED:
        return
    with path.open("rb") as file:
        start = file.read(1024)
    for mark, kind in OTHERS.items():
        if start.startswith(mark):
            raise BadRequest(
                f"{shown}: by its first bytes it is {kind}, no plain text; give it that ending, unpack it, "
                "or save it as csv."
            )
    wide = codec_of(encoding).startswith(("utf-16", "utf-32"))
    if not wide and not _by_mark(start, encoding) and 4 * start.count(0) > len(start):
        raise BadRequest(
            f"{shown}: many NUL bytes: it may be UTF-16 without its mark; set encoding to utf-16-le."
        )


def _watched(stream: Any, path: Path) -> io.BufferedReader:
    """A decompressed stream that ends where the file turns out to be made to fill memory or disk."""
    packed = path.stat().st_size

    def count(size: int) -> None:
        if swollen(size, packed):
            raise Swollen

    return io.BufferedReader(Counted(stream, count), PIECE)


def _bad_byte(path: Path, encoding: Encoding, shown: str, problem: str) -> BadRequest:
    """The error about a byte, found by reading again: a stream that failed has lost its position."""
    new_decoder = codecs.getincrementaldecoder(codec_of(encoding))
    decoder, done, line, known, piece = new_decoder(), 0, 1, "", b"?"
    with _opened(path, None) as stream:
        while piece:
            piece = stream.read(PIECE)
            known = known if done else _by_mark(piece, encoding)
            state = decoder.getstate()
            try:
                line += decoder.decode(piece, not piece).count("\n")
            except UnicodeDecodeError as error:
                line += _line_ends(new_decoder("ignore"), state, error.object[len(state[0]) : error.start])
                byte = f"byte {done - len(state[0]) + error.start} (0x{error.object[error.start]:02x})"
                return _not_encoded(f"{shown}:{line}: {byte} is not {encoding}", encoding, known)
            except UnicodeError:
                break
            done += len(piece)
    return _not_encoded(f"{shown}: not {encoding} ({problem})", encoding, known)


def _line_ends(decoder: codecs.IncrementalDecoder, state: tuple[bytes, int], good: bytes) -> int:
    decoder.setstate(state)
    try:
        return decoder.decode(good).count("\n")
    except UnicodeError:  # of utf-16 without its mark
        return 0


def _by_mark(start: bytes, encoding: Encoding) -> str:
    """Another encoding that a byte order mark names; empty if there is none."""
    found = next((name for mark, name in MARKS.items() if start.startswith(mark)), "")
    return "" if codec_of(found or encoding) == codec_of(encoding) else found


def _not_encoded(problem: str, encoding: Encoding, known: str) -> BadRequest:
    if known:
        return BadRequest(f"{problem}; the file begins with the mark of {known}: set encoding: {known}.")
    usual = "cp1252 (Western Europe), cp1251 (Cyrillic), gb18030, shift_jis, cp949, utf-16-le, …"
    replace = ", or utf-8-replace to read bad bytes as '\ufffd'" if encoding.startswith("utf-8") else ""
    return BadRequest(
        f"{problem}; set encoding to the one that the file was saved in: {usual}{replace}. "
        "Another one may be read without an error and be wrong, so look at the texts."
    )
