"""What models are for: one folder a model task, and nothing else in slmworks names one."""
