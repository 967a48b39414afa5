"""Training inputs, planned runs and the child processes that train them."""
