"""datatrove's part of `curation.py`, run by a Python that has datatrove and no slmworks."""

import sys
from pathlib import Path

from curation import report
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter


def curate(folder: Path) -> dict[str, int]:
    """The same steps on `folder/raw`, all in this process."""
    given, clean = folder / "raw" / "all", folder / "clean"
    config = MinhashConfig(n_grams=3, num_buckets=16, hashes_per_bucket=8)
    parts = {name: str(folder / name) for name in ("signatures", "buckets", "remove", "logs")}
    mail = PIIFormatter(only_remove_public_ips=False, email_replacement="<EMAIL>", ip_replacement="<IP>")
    steps = [
        [
            JsonlReader(str(given)),
            FTFYFormatter(),
            mail,
            JsonlWriter(str(clean), compression=None),
            MinhashDedupSignature(parts["signatures"], config=config),
        ],
        [MinhashDedupBuckets(parts["signatures"], parts["buckets"], config=config)],
        [MinhashDedupCluster(parts["buckets"], parts["remove"], config=config)],
        [
            JsonlReader(str(clean)),
            MinhashDedupFilter(parts["remove"]),
            JsonlWriter(str(folder / "kept"), compression=None),
        ],
    ]
    for number, step in enumerate(steps):
        tasks = config.num_buckets if number == 1 else 1
        LocalPipelineExecutor(step, tasks=tasks, workers=1, logging_dir=f"{parts['logs']}/{number}").run()
    before, after = lines(clean), lines(folder / "kept")
    return {"near": len(before) - len(after), "redacted": sum("<EMAIL>" in line for line in before)}


def lines(folder: Path) -> list[str]:
    """All lines of the files of a folder."""
    return [
        line for path in sorted(folder.iterdir()) for line in path.read_text(encoding="utf-8").splitlines()
    ]


if __name__ == "__main__":
    report(lambda: curate(Path(sys.argv[1])))
