"""Notice to a reviewer that a run was started with other limits of its gate than the recipe has."""

import json
from typing import Any

from slmworks.execution.records import RunRecord

LONGEST = 60
"""Characters of a value that are shown."""


def limits(run: RunRecord | None) -> str:
    """`the gate's limits were changed by ada: retention 0.95 → 0.01`; empty where none was."""
    found = [one for one in run.edits if one.gate] if run else []
    if not run or not found:
        return ""
    several = len({one.step for one in found}) > 1
    said = [
        f"{f'{one.step}.' if several else ''}{one.option} {_value(one.was)} → {_value(one.now)}"
        for one in found
    ]
    return f"the gate's limits were changed by {run.user or 'whoever started the run'}: {', '.join(said)}"


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
