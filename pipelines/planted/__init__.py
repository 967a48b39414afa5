"""Larger planted corpora, at the level of features, on which it is known what each part of a method has to find.

`python -m pipelines.planted` makes them, trains through `mgc_models.train` and writes docs/planted.md.
"""
