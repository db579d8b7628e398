"""The licence that fetched files state: where it is looked for, and what wins."""

import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from slmworks.fetch.licence import TEXTS, UNKNOWN_TEXT, licence_of, licence_of_package
from slmworks.register.model_card import KNOWN

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
        ({"m/README.md": "---\nlicense: mit\ndate: 2021-02-30\n---\n", "m/LICENSE": MIT}, ("mit", "LICENSE")),
        ({"m/README.md": "---\nlicense: mit\nsize: !!int x\n---\n"}, ("", "")),
        ({"m/README.md": "---\nlicense: mit\ndate: !!timestamp x\n---\n"}, ("", "")),
        ({"m/README.md": f"---\nx: {'[' * 5000}\n---\n", "m/config.json": "[" * 200_000}, ("", "")),
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
    old = tmp_path / "toy-1.0.zip"
    with zipfile.ZipFile(old, "w") as file:
        file.write(tmp_path / "PKG-INFO", "toy-1.0/PKG-INFO")
    assert [licence_of_package(one) for one in (wheel, sdist, old)] == [found, found, found]


@pytest.mark.parametrize(
    "name", ["toy-1.0-py3-none-any.whl", "toy-1.0.zip", "toy-1.0.tar.gz", "toy-1.0.tar.xz"]
)
def test_a_damaged_package_states_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"not an archive")
    assert licence_of_package(path) == ""
    (tmp_path / "PKG-INFO").write_bytes(random.Random(0).randbytes(50_000))
    if name.endswith((".whl", ".zip")):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.write(tmp_path / "PKG-INFO", "toy-1.0/PKG-INFO")
            file.write(tmp_path / "PKG-INFO", "toy-1.0.dist-info/METADATA")
        whole = bytearray(path.read_bytes())
        whole[100:50_000] = bytes(49_900)
        path.write_bytes(whole)
    else:
        with tarfile.open(path, f"w:{name[-2:]}") as file:
            file.add(tmp_path / "PKG-INFO", "toy-1.0/PKG-INFO")
        path.write_bytes(path.read_bytes()[:20_000])
    assert licence_of_package(path) == ""


def test_a_model_card_has_words_for_every_licence_that_is_known_by_its_text() -> None:
    assert {name for name, _known in TEXTS} <= KNOWN
