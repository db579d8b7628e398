"""Rules that FineWeb adds.

Penedo et al., "The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale" (2024), section on
additional heuristic filters. The paper removes documents *at* its limits, too; here a limit itself passes.
"""

from slmworks_text.quality.rule import Document, Rule, repeated_characters

ENDS = tuple(".!?…\"'”’»。！？؟।")
SHORT = 30


def _without_ends(document: Document) -> int:
    return sum(map(len, document.lines))


RULES = (
    Rule("lines-that-end", lambda d: d.share_of_lines(lambda line: line.endswith(ENDS)), least=0.12),
    Rule("short-lines", lambda d: d.share_of_lines(lambda line: len(line) < SHORT), most=0.67),
    Rule("repeated-lines", lambda d: repeated_characters(d.lines, _without_ends(d)), most=0.10),
)
