"""A plugin family without any dependency, for tests of engines."""
