"""Assets, one module per group in the order of the data. Thin: the work is in datasets, transforms and mgc_models."""
