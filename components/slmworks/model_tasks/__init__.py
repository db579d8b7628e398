"""Model tasks: one folder each, and nothing else in slmworks names one."""
