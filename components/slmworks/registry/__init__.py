"""Registered models: the append-only approval log, the state it implies, releases that stand alone."""
