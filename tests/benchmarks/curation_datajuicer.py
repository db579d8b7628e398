"""data-juicer's part of `curation.py`, run by a Python that has data-juicer and no slmworks."""

import sys
from pathlib import Path

from curation import report
from data_juicer.core.data import NestedDataset
from data_juicer.ops.deduplicator import DocumentMinhashDeduplicator
from data_juicer.ops.mapper import CleanEmailMapper, CleanIpMapper, FixUnicodeMapper
from datasets import disable_progress_bars, load_dataset


def curate(folder: Path) -> dict[str, int]:
    """The same steps on `folder/raw`, all in this process."""
    disable_progress_bars()
    given = str(folder / "raw" / "all" / "rows.jsonl")
    rows = NestedDataset(
        load_dataset("json", data_files=given, split="train", cache_dir=str(folder / "cache"))
    )
    count = len(rows)
    rows = rows.process(
        [
            FixUnicodeMapper(num_proc=1),
            CleanEmailMapper(repl="<EMAIL>", num_proc=1),
            CleanIpMapper(repl="<IP>", num_proc=1),
        ]
    )
    redacted = sum("<EMAIL>" in text or "<IP>" in text for text in rows["text"])
    rows = rows.process(
        [
            DocumentMinhashDeduplicator(
                tokenization="space",
                window_size=3,
                num_permutations=128,
                num_bands=16,
                num_rows_per_band=8,
                jaccard_threshold=0.8,
                num_proc=1,
            )
        ]
    )
    rows.to_json(str(folder / "kept.jsonl"), force_ascii=False)
    return {"near": count - len(rows), "redacted": redacted}


if __name__ == "__main__":
    report(lambda: curate(Path(sys.argv[1])))
