"""Columns of a comparison."""

from slmworks.compare.side import Side
from slmworks.compare.table import JOULES, cells, headings


def test_energy_is_a_column_where_it_was_measured_of_one_of_them() -> None:
    cold, hot = Side("A", None, row={"p50_ms": 2.0}), Side("B", None, row={"joules": 31.4})
    assert JOULES not in headings([cold])
    assert cells(cold, (), headings([cold])) == ["—", "2.0", "—", "—"]
    heads = headings([cold, hot])
    assert [dict(zip(heads, cells(one, (), heads), strict=True))[JOULES] for one in (cold, hot)] == [
        "—",
        "31.4",
    ]
