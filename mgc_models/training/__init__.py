"""Losses, the training loop, and what a killed run goes on from."""
