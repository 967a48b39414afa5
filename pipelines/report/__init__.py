"""The HTML report and its learning curves."""
