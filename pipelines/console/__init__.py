"""Shows a job while it runs: progress, phases, finished runs."""
