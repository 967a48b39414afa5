"""The passes of the data part: each takes a store, does nothing when nothing changed, and writes its tables.

They know the store, the readers and the transforms, and nothing of Dagster; `pipelines.assets` calls them.
"""
