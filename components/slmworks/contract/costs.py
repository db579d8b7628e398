"""What computing costs in an environment: watts, grams of CO2 and money, as its engine file states them.

Stated, not measured; never in a recipe nor part of an identity. Amounts follow from CPU-seconds, which steps
and speed reports measure.
"""

from typing import Annotated

from pydantic import ConfigDict, Field

from slmworks.contract.documented import Documented

HOUR = 3600
KWH = 3_600_000
"""Joules of a kilowatt-hour."""


class Costs(Documented):
    """Factors from CPU-seconds to energy, CO2 and money."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    watts_per_core: Annotated[float, Field(gt=0)] = 15.0
    """Power of one busy core with its share of the machine, for where energy can't be measured."""
    grams_co2_per_kwh: Annotated[float, Field(ge=0)] | None = None
    """Of the grid that the machines are at; left out: none is said."""
    currency_per_cpu_hour: Annotated[float, Field(ge=0)] | None = None
    """Price of one core for an hour; left out: none is said."""
    currency: Annotated[str, Field(min_length=1, max_length=8)] = "EUR"
    """Of that price."""

    def joules(self, cpu_seconds: float) -> float:
        """Energy of so much computing."""
        return cpu_seconds * self.watts_per_core

    def grams(self, joules: float) -> float | None:
        """CO2 of so much energy; None where no factor is stated."""
        return None if self.grams_co2_per_kwh is None else joules / KWH * self.grams_co2_per_kwh

    def money(self, cpu_seconds: float) -> float | None:
        """Price of so much computing; None where none is stated."""
        return None if self.currency_per_cpu_hour is None else cpu_seconds / HOUR * self.currency_per_cpu_hour
