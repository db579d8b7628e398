"""Pruners and factorizers, for encoders and decoders of every model task."""
