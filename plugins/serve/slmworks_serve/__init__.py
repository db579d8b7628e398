"""Serving: the HTTP server of an approved release, and the deploy step that proves it answers."""
