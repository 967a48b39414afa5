"""What finished runs came to, beside the printed numbers."""
