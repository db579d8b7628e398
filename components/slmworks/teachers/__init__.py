"""Teachers: ask a large model, whatever its format, and pay for each answer once."""
