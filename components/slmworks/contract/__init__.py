"""Contracts for plugin authors: artifacts, manifests, stages, options, model tasks, runtimes, errors."""
