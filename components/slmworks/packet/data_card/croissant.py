"""A data set as Croissant: JSON-LD by which programs find, check and read it.

Croissant 1.1 of MLCommons (Akhtar et al., "Croissant: A Metadata Format for ML-Ready Datasets", 2024): a
file object with its sha256 for each split, a record set of the splits, and one of the rows.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from slmworks.contract.manifest import File
from slmworks.packet.data_card.described import Described

CONFORMS = "http://mlcommons.org/croissant/1.1"
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification gives."""
TYPES = {
    "string": "sc:Text",
    "large_string": "sc:Text",
    "bool": "sc:Boolean",
    "float": "sc:Float",
    "double": "sc:Float",
}
"""Arrow's name -> schema.org's; whole numbers are found by their beginning."""
PARQUET = "application/x-parquet"
"""As Croissant's reader calls it; by IANA's name, application/vnd.apache.parquet, it can read nothing."""


def croissant(data: Described, held: Iterable[File]) -> str:
    """The metadata as JSON-LD text; `held`: the data set's files."""
    files = [file for file in held if file.path.endswith(".parquet") and "/" not in file.path]
    licences = _licences(data)
    about: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": re.sub(r"[^A-Za-z0-9_.-]+", "-", data.title).strip("-"),
        "description": _description(data),
        "conformsTo": CONFORMS,
        "version": f"1.0.0+sha256.{data.digest[:12]}" if data.digest else "1.0.0",
        "distribution": [_file(file, data.address) for file in files],
        "recordSet": [_splits(files), *(_rows(file, data.card.get("columns") or {}) for file in files)],
    }
    if licences:
        about["license"] = licences if len(licences) > 1 else licences[0]
    return json.dumps(about, indent=1, ensure_ascii=False) + "\n"


def _description(data: Described) -> str:
    counts = ", ".join(f"{name} {one['rows']:,}" for name, one in data.splits.items() if "rows" in one)
    purpose = f" for {data.model_task}" if data.model_task else ""
    said = f"Curated text{purpose}: {counts} rows."
    left = f" Kept: {data.counted}." if data.counted else ""
    undeclared = sorted(name for name, text in (data.card.get("licences") or {}).items() if not text)
    return said + left + (f" No licence is declared of: {', '.join(undeclared)}." if undeclared else "")


def _licences(data: Described) -> list[str]:
    named: Iterable[str | None] = [data.card.get("licence"), *(data.card.get("licences") or {}).values()]
    return sorted({text for text in named if text})


def _file(file: File, address: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": f"{address}/{file.path}" if address else file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": PARQUET,
        "sha256": file.sha256,
    }


def _splits(files: Iterable[File]) -> dict[str, Any]:
    names = [_split(file) for file in files]
    kinds = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
            {
                "@type": "cr:Field",
                "@id": "splits/url",
                "name": "url",
                "dataType": "sc:URL",
            },
        ],
        "data": [{"splits/name": name, "splits/url": kinds.get(name, "")} for name in names],
    }


def _split(file: File) -> str:
    return file.path.removesuffix(".parquet")


def _rows(file: File, columns: Mapping[str, str]) -> dict[str, Any]:
    name = _split(file)
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "key": {"@id": f"{name}/id"},
        "field": [_field(name, file, column, kind) for column, kind in columns.items()],
    }


def _field(record_set: str, file: File, column: str, kind: str) -> dict[str, Any]:
    """One column; a list is an array, and the parts of what it holds are fields within."""
    inner = kind.partition("element: ")[2].removesuffix(">")
    field: dict[str, Any] = {"@type": "cr:Field", "@id": f"{record_set}/{column}", "name": column}
    field |= {"isArray": True, "arrayShape": "-1"} if inner else {}
    source: dict[str, Any] = {"fileObject": {"@id": file.path}, "extract": {"column": column}}
    if inner.startswith("struct<"):
        parts = (part.partition(": ") for part in inner.removeprefix("struct<").removesuffix(">").split(", "))
        return field | {"subField": [_part(field["@id"], name, type_, source) for name, _, type_ in parts]}
    return field | {"dataType": _type(inner or kind), "source": source}


def _part(of: str, name: str, kind: str, source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{of}/{name}",
        "name": name,
        "dataType": _type(kind),
        "source": {**source, "transform": {"jsonPath": name}},
    }


def _type(kind: str) -> str:
    return "sc:Integer" if kind.startswith(("int", "uint")) else TYPES.get(kind, "sc:Text")
