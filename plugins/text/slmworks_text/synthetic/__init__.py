"""Rows that a teacher writes: what it is shown, what is read of its answers, and which of them are new."""
