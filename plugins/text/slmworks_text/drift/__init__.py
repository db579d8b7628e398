"""Drift: how a data set differs from an earlier one, in labels, lengths, words and meaning."""
