"""ONE task, the same on every engine: spec, identity, inputs, cache, run, records."""
