"""The plan as jobs of Slurm: array tasks of one device each, on a store that all hosts share."""
