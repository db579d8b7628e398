"""The engine is a distribution of its own, which `make install` leaves out."""

import pytest

from slmworks.contract import catalog


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "spark" not in catalog.curate_engines():
        missing = pytest.mark.skip(reason="slmworks-spark is not installed: make install-spark")
        for item in items:
            if "tests/spark/" in item.path.as_posix():
                item.add_marker(missing)
