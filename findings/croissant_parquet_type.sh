#!/usr/bin/env bash
# mlcroissant: a Parquet file under its registered media type passes validation, and can't be read
#
# Versions: mlcroissant 1.1.1, pyarrow 26.0.1, Python 3.11.
#
# Guess before running it: `encodingFormat` takes a media type, and that of Parquet is registered with IANA as
# application/vnd.apache.parquet; a description that the validator finds without errors can be read, whichever of the two names it uses.
# What happens: only the older, unregistered application/x-parquet is known. The registered name gives no error and no warning about it when
# the description is validated; the first row that is asked for raises.
#
# Output seen:
#   application/x-parquet: 0 errors, 3 rows
#   application/vnd.apache.parquet: 0 errors, then GenerationError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check mlcroissant==1.1.1 pyarrow==26.0.1
cat > "$work/both.py" <<'PYTHON'
import hashlib
import json
import logging
import sys
from pathlib import Path

import mlcroissant as mlc
import pyarrow as pa
import pyarrow.parquet as pq

logging.disable(logging.WARNING)  # about recommended properties
work = Path(sys.argv[1])
pq.write_table(pa.table({"text": ["one", "two", "three"]}), work / "train.parquet")
digest = hashlib.sha256((work / "train.parquet").read_bytes()).hexdigest()
CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/", "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/", "conformsTo": "dct:conformsTo", "recordSet": "cr:recordSet", "field": "cr:field",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "source": "cr:source", "extract": "cr:extract", "column": "cr:column",
    "fileObject": "cr:fileObject", "key": "cr:key",
}


def records(media_type):
    described = {
        "@context": CONTEXT, "@type": "sc:Dataset", "name": "three", "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": "https://creativecommons.org/publicdomain/zero/1.0/", "url": "https://example.org/three", "description": "Three rows.",
        "distribution": [{"@type": "cr:FileObject", "@id": "train.parquet", "name": "train.parquet", "contentUrl": "train.parquet",
                          "encodingFormat": media_type, "sha256": digest}],
        "recordSet": [{"@type": "cr:RecordSet", "@id": "train", "name": "train", "field": [
            {"@type": "cr:Field", "@id": "train/text", "name": "text", "dataType": "sc:Text",
             "source": {"fileObject": {"@id": "train.parquet"}, "extract": {"column": "text"}}}]}],
    }
    path = work / "croissant.json"
    path.write_text(json.dumps(described))
    found = mlc.Dataset(jsonld=path)
    errors = len(found.metadata.ctx.issues.errors)
    try:
        return f"{errors} errors, {len(list(found.records('train')))} rows"
    except Exception as error:
        return f"{errors} errors, then {type(error).__name__}"


for media_type in ("application/x-parquet", "application/vnd.apache.parquet"):
    print(f"{media_type}: {records(media_type)}")
PYTHON
"$work/venv/bin/python" "$work/both.py" "$work" | tee "$work/seen"
diff "$work/seen" - <<'SEEN'
application/x-parquet: 0 errors, 3 rows
application/vnd.apache.parquet: 0 errors, then GenerationError
SEEN
