"""How numbers are written, everywhere a person reads them: one function a unit."""

from collections.abc import Callable, Mapping

Interval = Mapping[str, float]
"""`value`, `low` and `high`, as reports hold them."""

NOTHING = "—"
"""Stands where there is no number."""


def score(value: float) -> str:
    """A share as three decimals: 0.748."""
    return f"{value:.3f}"


def amount(value: float) -> str:
    """A number without a unit of its own, with the digits that matter: 4.13, 19.5, 1,204."""
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:,.{digits}f}"


def interval(estimate: Interval, written: Callable[[float], str] = score) -> str:
    """A number with its interval: 0.748 (0.736–0.760)."""
    value, low, high = (written(estimate[key]) for key in ("value", "low", "high"))
    return f"{value} ({low}–{high})"


def percent(share: float) -> str:
    """A share in percent, one decimal: 98.1 %."""
    return f"{100 * share:.1f} %"


def requirement(share: float) -> str:
    """A share that somebody asked for, in percent without needless zeros: 95 %, 97.5 %."""
    return f"{100 * share:.6g} %"


def percent_beside(share: float, required: float) -> str:
    """A share in percent with the digits that tell it from what was required: 94.96 % beside 95 %."""
    digits = 1
    while digits < 4 and share != required and round(100 * share, digits) == round(100 * required, digits):
        digits += 1
    return f"{100 * share:.{digits}f} %"


def points(share: float) -> str:
    """A difference of two shares, in percentage points: 1.3 points (two decimals below 0.1)."""
    size = abs(100 * share)
    return f"{size:.1f} points" if size >= 0.1 else f"{size:.2f} points"


def change(share: float) -> str:
    """A difference of two shares with its sign, in percentage points: +1.3 points, −0.4 points."""
    return ("+" if share > 0 else "−") + points(share) if share else "±0 points"


def signed(number: float, written: Callable[[float], str]) -> str:
    """A difference of two numbers with its sign, its size as `written` has it: +0.41, −1.20."""
    sign = "±" if not number else "+" if number > 0 else "−"
    return sign + written(abs(number))


def change_range(estimate: Interval) -> str:
    """A difference of two shares with its interval: −0.4 (−1.2 to +0.5) points."""
    value, low, high = (f"{100 * estimate[key]:+.1f}".replace("-", "−") for key in ("value", "low", "high"))
    return f"{value} ({low} to {high}) points"


def count(number: int) -> str:
    """A number of things: 22,918."""
    return f"{number:,}"


def times(ratio: float) -> str:
    """A ratio: 6.1×, 0.84×, 140×."""
    digits = 0 if ratio >= 99.5 else 1 if ratio >= 1 else 2
    return f"{ratio:.{digits}f}×"


def factor(ratio: float) -> str:
    """A ratio in a table: ×6.1."""
    return "×" + times(ratio).rstrip("×")


def compared(ratio: float, more: str, less: str) -> str:
    """A ratio in words: 6.1× faster, or 1.7× slower where it is below 1."""
    return f"{times(ratio)} {more}" if ratio >= 1 else f"{times(1 / max(ratio, 1e-9))} {less}"


def milliseconds(value: float) -> str:
    """A duration in ms with the digits that matter: <0.01, 0.21, 3.4, 120."""
    if value < 0.005:
        return "<0.01"
    digits = 2 if value < 1 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"


def rate(per_second: float) -> str:
    """Rows a second: 8.5, 1,240, 46 M."""
    if per_second >= 999_500:
        return f"{per_second / 1e6:.0f} M"
    return f"{per_second:.1f}" if per_second < 10 else f"{per_second:,.0f}"


def size(number: float) -> str:
    """Bytes as people say them (powers of ten): 0 B, 812 kB, 86.7 MB, 1.3 GB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= 0.9995 * factor:
            return f"{number / factor:.0f} {unit}" if unit == "kB" else f"{number / factor:.1f} {unit}"
    return f"{number:.0f} B"


def duration(seconds: float) -> str:
    """A time as people say it: 0.42 s, 12.5 s, 7.1 min, 3.2 h."""
    for unit, factor in (("h", 3600), ("min", 60)):
        if seconds >= factor:
            return f"{seconds / factor:,.1f} {unit}"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def energy(joules: float) -> str:
    """Energy: 812 J, 3.2 kJ, 1.4 MJ."""
    for unit, factor in (("MJ", 1e6), ("kJ", 1e3)):
        if joules >= 0.9995 * factor:
            return f"{joules / factor:,.1f} {unit}"
    return f"{joules:.0f} J"


def money(value: float) -> str:
    """An amount of money, in the currency of its prices: 12.40, 0.0031; nothing where none is known."""
    return NOTHING if not value else f"{value:,.2f}" if value >= 1 else f"{value:.2g}"


def chance(share: float) -> str:
    """A chance of error that nothing makes zero, in percent: 12.5 %, 0.1 % for any smaller one."""
    return percent(max(share, 0.001))


def p_value(p: float) -> str:
    """A p-value: p = 0.030, p < 0.001."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
