"""What a judge's report says, read and written in one place.

`verdicts.parquet` holds `id`, `ahead`, `behind` (the verdicts with our answer first and second; null where
none could be read), `same` and `outcome`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Report
from slmworks.evaluate.model_report import ModelReport
from slmworks.evaluate.verdicts import Pair

FILE = "verdicts.parquet"
EXAMPLES = 4
"""How many won and lost rows a report shows."""


@dataclass(frozen=True)
class JudgeReport(ModelReport):
    """A report of type `judge`, on the model whose answers were judged."""

    @property
    def against(self) -> str:
        """Digest of the model that they were compared with; empty for the true answers."""
        return str(self.content["against"].get("digest", ""))

    @property
    def rival(self) -> str:
        """The name of what they were compared with."""
        return str(self.content["against"]["name"])

    @property
    def judge(self) -> str:
        """The judge's short name."""
        return str(self.content["judge"]["name"])

    @cached_property
    def pairs(self) -> list[Pair]:
        """The verdicts, row by row."""
        import pyarrow.parquet as pq

        columns = ["id", "ahead", "behind", "same"]
        rows = pq.ParquetFile(self.report.path / FILE).read(columns).to_pylist()
        return [Pair(**row) for row in rows]


def is_judge(report: Report) -> bool:
    """True for a report of type `judge`."""
    return report.meta.get("type") == "judge"


def write(folder: Path, report: Mapping[str, Any], pairs: Sequence[Pair]) -> None:
    """Write `report.json` and the verdicts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    columns = {
        "id": pa.array([one.id for one in pairs], pa.string()),
        "ahead": pa.array([one.ahead for one in pairs], pa.string()),
        "behind": pa.array([one.behind for one in pairs], pa.string()),
        "same": pa.array([one.same for one in pairs], pa.bool_()),
        "outcome": pa.array([one.outcome for one in pairs], pa.string()),
    }
    pq.write_table(pa.table(columns), folder / FILE, compression="zstd")
