"""pip's own configuration: which of its files counts, and what is said of one that is broken."""

from pathlib import Path

import pytest

from slmworks.contract.errors import BadRequest
from slmworks.fetch.pip_config import read_pip_config


def test_a_broken_pip_configuration_is_named_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("index-url = https://bob:hunter2@host/simple\n")
    with pytest.raises(BadRequest, match=r"pip\.conf: cannot be read as pip's configuration") as error:
        read_pip_config({"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})
    assert "hunter2" not in str(error.value)


def test_pip_configuration_order(tmp_path: Path) -> None:
    config = tmp_path / ".config" / "pip"
    config.mkdir(parents=True)
    (config / "pip.conf").write_text(
        "[global]\nindex-url = https://a/simple\nextra-index-url =\n  https://b\n  https://c\n"
    )
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "none")}
    assert read_pip_config(environ).indexes[:3] == ("https://a/simple", "https://b", "https://c")
    environ["PIP_INDEX_URL"] = "https://z/simple"
    assert read_pip_config(environ).indexes[0] == "https://z/simple"
    assert read_pip_config({"PIP_CONFIG_FILE": "/dev/null"}).indexes == ("https://pypi.org/simple/",)
    assert read_pip_config({"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1"}).indexes == ()
