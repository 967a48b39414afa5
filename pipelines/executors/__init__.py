"""What runs the steps of a job: Dagster's executors behind one choice, and one for Dask's scheduler."""
