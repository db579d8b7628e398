"""Errors of Spark in a line."""

import itertools

MOST = 300
"""Characters that are shown."""
CAUSE = "most recent failure: "
"""Stands before what went wrong at last, in a message about a job."""


def reason_of(error: Exception) -> str:
    """What Java says, without traces; a line that ends in a colon takes the next ones along."""
    java = getattr(error, "java_exception", None)
    said = str(java.getMessage() if java is not None else error).rpartition(CAUSE)[2]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    head = list(itertools.takewhile(lambda line: line.endswith(":"), lines))
    return " ".join(lines[: len(head) + 1])[:MOST] or type(error).__name__
