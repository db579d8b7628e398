"""Ledgers in a store: what teachers produced and what it cost, row by row, and who has used it."""
