"""The parts of the README that follow from the code: `python -m pipelines.docs` writes them anew."""
