"""A module that the steps import: editing it changes their code."""

GREETING = "hello"
