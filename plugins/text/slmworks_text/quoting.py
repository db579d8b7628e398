"""Whether a tsv file is written with quoted values, as pandas and Excel do, or its quotation marks are text.

Quoted means that *every* value with a quotation mark is enclosed, with inner ones doubled. As the same bytes
can be unquoted text (`"Great movie"`), something must prove it too: doubled marks, delimiters or line ends
that only quoting explains, a quoted header, or that exactly those values are quoted that a writer quotes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

LONGEST = 1000
"""Lines of one row; a longer one is an unclosed quotation mark of a text."""
FEW = 10
"""Values that Excel's rule (quote what holds a comma) must fit to prove anything."""


class Quoting:
    """Evidence for and against quoted values."""

    def __init__(self, delimiter: str, width: int = 0) -> None:
        """`width`: values a row; 0 for a file with a header line."""
        self.delimiter = delimiter
        self.width = width
        self.refuted = 0
        """Line that is not written with quoted values; 0 if there is none."""
        self.proven = False
        """True if something shows that values are quoted."""
        self._values = 0
        self._by_rule, self._all, self._by_comma = True, True, delimiter != ","
        self._patterns(re.escape(delimiter))

    @property
    def quoted(self) -> bool:
        """True if every row is written with quoted values, and something proves it."""
        by_rule = (self._all and self.width > 1) or (self._by_comma and self._values >= FEW)
        return not self.refuted and (self.proven or (self._by_rule and by_rule and bool(self._values)))

    @property
    def doubtful(self) -> bool:
        """True if there are quoted values and others that cannot be."""
        return self.proven and bool(self.refuted)

    def read(self, found: Iterable[str]) -> None:
        """Look at all lines of a file."""
        stream = iter(found)
        for part in self._rows(stream):
            self._weigh(part)
        if not self.proven:
            self.proven = any('""' in line and self._one.search(line) for line in stream)

    def _patterns(self, sign: str) -> None:
        inner = r'(?:[^"]|"")*+'
        cell = rf'(?:"{inner}"|[^"{sign}]*+)'
        self._complete = re.compile(rf"{cell}(?:{sign}{cell})*+")
        self._opening = re.compile(rf'(?:{cell}{sign})*+"{inner}')
        self._inside = re.compile(inner)
        self._closing = re.compile(rf'{inner}"(?:{sign}{cell})*+')
        self._reopening = re.compile(rf'{inner}"{sign}(?:{cell}{sign})*+"{inner}')
        self._quoted = re.compile(rf'(?:\A|(?<={sign}))"({inner})"')
        self._one = re.compile(rf'(?:\A|{sign})"[^"{sign}]*""[^{sign}]*"(?=\Z|[{sign}\r\n])')

    def _rows(self, stream: Iterator[str]) -> Iterator[list[str]]:
        """Rows as lists of lines; sets `refuted` at a line that belongs to none."""
        part: list[str] = []
        number = 0
        for number, line in enumerate(stream, 1):
            part.append(line.rstrip("\r\n"))
            if self._ends(part):
                yield part
                part = []
            elif len(part) > LONGEST or not self._goes_on(part):
                self.refuted = number
                return
        if part:
            self.refuted = number - len(part) + 1

    def _ends(self, part: Sequence[str]) -> bool:
        """True if a row ends with its last line."""
        if len(part) > 1:
            return bool(self._closing.fullmatch(part[-1]))
        return '"' not in part[0] or bool(self._complete.fullmatch(part[0]))

    def _goes_on(self, part: Sequence[str]) -> bool:
        """True if a value is open at the end of the last line."""
        if len(part) == 1:
            return bool(self._opening.fullmatch(part[0]))
        return bool(self._inside.fullmatch(part[-1]) or self._reopening.fullmatch(part[-1]))

    def _weigh(self, part: Sequence[str]) -> None:
        """Take one row as evidence."""
        text = "\n".join(part)
        if not text:
            return
        inner = self._quoted.findall(text) if '"' in text else []
        bare = self._quoted.sub("", text) if inner else text
        width = bare.count(self.delimiter) + 1
        if not self.width:
            self.width, self.proven = width, bool(inner)
        elif inner:
            self._compare(part, width)
        self._values += len(inner)
        self._all = self._all and len(bare) == width - 1
        self._by_comma = self._by_comma and "," not in bare and all(map(self._needs_quotes, inner))
        self.proven = self.proven or any('""' in value for value in inner)

    def _needs_quotes(self, value: str) -> bool:
        """True if a writer must quote this value; Excel also quotes what holds a comma."""
        return any(sign in value for sign in (",", '"', "\n", self.delimiter))

    def _compare(self, part: Sequence[str], width: int) -> None:
        """Compare a row's width with the widths of its lines without quoting."""
        widths = [body.count(self.delimiter) + 1 for body in part]
        if len(part) == 1:
            self.proven = self.proven or widths[0] > width == self.width
        elif all(found == self.width for found in widths):
            self._by_rule = False  # each line is a row too, as in a quotation over several
        elif sum(widths) - len(part) + 1 == width == self.width:
            self.proven = True
