"""Task files of EleutherAI's lm-evaluation-harness, answered by slmworks' runtimes."""
