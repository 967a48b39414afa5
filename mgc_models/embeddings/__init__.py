"""Word and name vectors from pretrained networks."""
