"""A seeded sweep of hostile inputs: `make robustness`, and a small part of it in `make test`.

`rows`, `files` and `wholes` hold the mutators, each with the outcome that it declares; `inputs` applies a round of them
to a copy of the sample corpus; `sweep` runs job `data` on it and holds what was declared against the tables.
"""
