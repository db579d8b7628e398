#!/usr/bin/env bash
# data-juicer: installed whole by its own word beside datasets 5, and can't be imported
#
# Versions: py-data-juicer 1.6.1 with datasets 4.8.4 and 5.2.0, Python 3.11.
#
# Guess before running it: what a package imports at once is among its requirements, so an installation which `pip check` finds whole can be
# imported, whichever release of datasets in the declared range (4.7.0 or newer) it has.
# What happens: `import data_juicer` imports aiohttp, for downloads that no operator on text needs, and declares it nowhere. datasets 4 brings
# it along, since it asks for fsspec[http]; datasets 5 asks for fsspec alone. `pip check` has nothing to say about either.
#
# Output seen:
#   datasets 4.8.4: No broken requirements found. data_juicer is imported
#   datasets 5.2.0: No broken requirements found. ModuleNotFoundError: No module named 'aiohttp'
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
seen=""
for datasets in 4.8.4 5.2.0; do
    python3.11 -m venv "$work/$datasets"
    bin=$work/$datasets/bin
    "$bin/pip" install --quiet --disable-pip-version-check py-data-juicer==1.6.1 "datasets==$datasets"
    checked=$("$bin/pip" check)
    imported=$("$bin/python" -W ignore -c "import data_juicer; print('data_juicer is imported')" 2>&1 | tail -n 1) || true
    line="datasets $datasets: $checked $imported"
    echo "$line"
    seen+="$line"$'\n'
done
expected="datasets 4.8.4: No broken requirements found. data_juicer is imported
datasets 5.2.0: No broken requirements found. ModuleNotFoundError: No module named 'aiohttp'
"
[ "$seen" = "$expected" ]
