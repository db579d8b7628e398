"""The licence that fetched files state: where it is looked for, and what wins."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from slmworks.fetch.licence import UNKNOWN_TEXT, licence_of, licence_of_package

CARD = "---\nlicense: cc-by-nc-4.0\nlanguage: en\n---\n# A model\n"
APACHE = (
    "                                 Apache License\n                           Version 2.0, January 2004\n"
)
MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy of this\n"


def stated(files: dict[str, str]) -> tuple[str, str]:
    sizes = [(path, len(text)) for path, text in files.items()]
    return licence_of(sizes, lambda path: files[path].encode())


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"m/README.md": CARD, "m/LICENSE": APACHE}, ("cc-by-nc-4.0", "README.md")),
        ({"m/README.md": "# no front matter", "m/LICENSE": APACHE}, ("apache-2.0", "LICENSE")),
        ({"m/LICENSE.txt": MIT, "m/config.json": '{"license": "gpl-3.0"}'}, ("mit", "LICENSE.txt")),
        ({"m/config.json": '{"license": "openrail"}'}, ("openrail", "config.json")),
        ({"m/COPYING": "You may look at it."}, (UNKNOWN_TEXT, "COPYING")),
        ({"m/README.md": "---\nlicense: other\nlicense_name: house\n---\n"}, ("house", "README.md")),
        ({"m/README.md": "---\nlicense: [mit, cc0-1.0]\n---\n"}, ("mit, cc0-1.0", "README.md")),
        ({"m/deep/README.md": CARD, "m/README.md": "---\nlicense: mit\n---\n"}, ("mit", "README.md")),
        ({"m/README.md": "---\nlicense: [unclosed\n---\n", "m/config.json": "no json"}, ("", "")),
        ({"m/README.md": "---\n- a list\n---\n", "m/config.json": '["license"]'}, ("", "")),
        ({"m/README.md": "---\nlicense: 3\n---\n", "m/data.csv": "license: mit"}, ("", "")),
    ],
)
def test_it_is_read_where_people_write_it(files: dict[str, str], found: tuple[str, str]) -> None:
    assert stated(files) == found


def test_a_file_of_gigabytes_is_not_read() -> None:
    assert licence_of([("m/README.md", 3_000_000_000)], lambda _: pytest.fail("read")) == ("", "")


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ("License-Expression: Apache-2.0\nLicense: x\n", "Apache-2.0"),
        ("License: MIT\n", "MIT"),
        (f"License: {'long ' * 90}\nClassifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        ("Name: nothing\n", ""),
    ],
)
def test_a_package_states_it_in_its_metadata(tmp_path: Path, metadata: str, found: str) -> None:
    wheel = tmp_path / "toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("toy/weights.bin", "w")
        file.writestr("toy-1.0.dist-info/METADATA", f"Name: toy\n{metadata}\nLicense: in the description\n")
    (tmp_path / "PKG-INFO").write_text(f"Name: toy\n{metadata}")
    sdist = tmp_path / "toy-1.0.tar.gz"
    with tarfile.open(sdist, "w:gz") as file:
        file.add(tmp_path / "PKG-INFO", "toy-1.0/PKG-INFO")
    assert [licence_of_package(wheel), licence_of_package(sdist)] == [found, found]
