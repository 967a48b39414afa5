"""What a job shows while it runs: progress, phases, finished runs."""
