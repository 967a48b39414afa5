"""What a run may ask for, checked without torch."""
