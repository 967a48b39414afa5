"""Larger planted corpora, at the level of features, on which it is known what each part of a method has to find.

`worlds` draws them as the TOML files here say, `files` writes them, and `runs` plans the experiments of
`pipelines/experiments/planted` on them; job `planted` does it all and `page` tells what was found.
"""
