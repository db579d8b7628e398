"""Near duplicates of articles with planted copies, found by us and by peers in one run. Prints a Markdown table.

    .venv/bin/python tests/benchmarks/near_duplicates_truth.py FOLDER [--peer datatrove=SITE] [--peer data-juicer=SITE]

FOLDER has `NAME.train` (a line an article: its name, a blank, its text) and `NAME.truth` (a line a pair of names),
as github.com/chrisjmccormick/MinHash has them. SITE is a folder that `pip install --target SITE PACKAGE` filled; the
peer runs in a process of its own. All look for word 3-grams in lower case with a Jaccard similarity of 0.8 (ours at
other thresholds too); a pair is found if one of its articles is left out, and whatever else is left out is wrong.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

THRESHOLD = 0.8
Texts = Mapping[str, str]


def main() -> None:
    """Measure every contender on every set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=SITE")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        work(asked.folder, CONTENDERS[asked.worker], asked.threshold)
        return
    contenders = [("slmworks", "", threshold) for threshold in (THRESHOLD, 0.7, 0.6)]
    contenders += [(*peer.split("=", 1), THRESHOLD) for peer in asked.peer]
    print("| articles | | threshold | planted pairs: recall | precision | CPU-s |\n|---|---|--:|--:|--:|--:|")
    for train in sorted(asked.folder.glob("*.train")):
        truth = [tuple(line.split()) for line in train.with_suffix(".truth").read_text().splitlines()]
        texts = articles(train)
        for name, site, threshold in contenders:
            found = run(name, site, train, threshold)
            left_out = set(found["left_out"])
            hits = [pair for pair in truth if left_out & set(pair)]
            right = len(left_out & {name for pair in truth for name in pair})
            precision = right / len(left_out) if left_out else 1
            print(
                f"| {len(texts):,} | {name} | {threshold} | {len(hits) / len(truth):.3f} | {precision:.3f} | "
                f"{found['cpu']:.1f} |"
            )
        alike = exact([texts[name] for pair in truth for name in pair])
        print(
            f"\nExact similarity of the planted pairs: {', '.join(f'{one:.2f}' for one in sorted(alike))}\n"
        )


def articles(train: Path) -> dict[str, str]:
    """Name -> text."""
    lines = train.read_text(encoding="utf-8").splitlines()
    return {name: text for name, _, text in (line.partition(" ") for line in lines)}


def exact(texts: Sequence[str]) -> list[float]:
    """Similarity of each text with the next one."""
    from slmworks_text.minhash import jaccard
    from slmworks_text.shingles import shingles

    grams = [shingles(text) for text in texts]
    return [jaccard(one, other) for one, other in zip(grams[::2], grams[1::2], strict=True)]


def run(name: str, site: str, train: Path, threshold: float) -> dict[str, list[str]]:
    """What a contender leaves out, and its CPU-seconds."""
    words = [sys.executable, __file__, str(train), "--worker", name, "--threshold", str(threshold)]
    env = {**os.environ, **({"PYTHONPATH": site} if site else {})}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def work(train: Path, contender: Callable[[Texts, Path, float], set[str]], threshold: float) -> None:
    """One contender in this process; its libraries are imported before the clock starts."""
    texts = articles(train)
    with tempfile.TemporaryDirectory() as folder:
        left_out = contender(texts, Path(folder), threshold)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    print(json.dumps({"left_out": sorted(left_out), "cpu": cpu}))


def ours(texts: Texts, folder: Path, threshold: float) -> set[str]:
    """The join of every curation."""
    import pyarrow as pa

    from slmworks_text.joins.components import Components
    from slmworks_text.minhash import NearDuplicates

    near, components = NearDuplicates(threshold, folder), Components(len(texts))
    near.extend(pa.array(list(texts.values()), pa.large_string()))
    near.join(components, list(range(len(texts))), lambda _done, _total: None)
    near.close()
    return {name for place, name in enumerate(texts) if components.find(place) != place}


def datatrove(texts: Texts, folder: Path, _threshold: float) -> set[str]:
    """datatrove's four steps with bands of its published settings for about 0.8."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.hashing import HashConfig

    (folder / "raw").mkdir()
    lines = [json.dumps({"id": name, "text": text}) for name, text in texts.items()]
    (folder / "raw/a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    # its default hands text to xxhash, which in 4.1 takes bytes only
    config = MinhashConfig(
        n_grams=3, num_buckets=16, hashes_per_bucket=8, hash_config=HashConfig(hash_fc="sha1")
    )
    parts = {name: str(folder / name) for name in ("signatures", "buckets", "remove", "kept", "logs")}
    reader = JsonlReader(str(folder / "raw"))
    steps = [
        [reader, MinhashDedupSignature(parts["signatures"], config=config)],
        [MinhashDedupBuckets(parts["signatures"], parts["buckets"], config=config)],
        [MinhashDedupCluster(parts["buckets"], parts["remove"], config=config)],
        [reader, MinhashDedupFilter(parts["remove"]), JsonlWriter(parts["kept"], compression=None)],
    ]
    for number, step in enumerate(steps):
        tasks = config.num_buckets if number == 1 else 1
        LocalPipelineExecutor(step, tasks=tasks, workers=1, logging_dir=f"{parts['logs']}/{number}").run()
    kept = [line for path in Path(parts["kept"]).iterdir() for line in path.read_text().splitlines()]
    return set(texts) - {json.loads(line)["id"] for line in kept}


def data_juicer(texts: Texts, _folder: Path, threshold: float) -> set[str]:
    """data-juicer's document_minhash_deduplicator, its bands computed from the threshold."""
    from data_juicer.core.data import NestedDataset
    from data_juicer.ops.deduplicator.document_minhash_deduplicator import DocumentMinhashDeduplicator

    operator = DocumentMinhashDeduplicator(
        tokenization="space", window_size=3, lowercase=True, num_permutations=128, jaccard_threshold=threshold
    )
    rows = NestedDataset.from_list([{"id": name, "text": text} for name, text in texts.items()])
    hashed = rows.map(operator.compute_hash)
    kept, _ = operator.process(hashed)
    return set(texts) - set(kept["id"])


CONTENDERS = {"slmworks": ours, "datatrove": datatrove, "data-juicer": data_juicer}


if __name__ == "__main__":
    main()
