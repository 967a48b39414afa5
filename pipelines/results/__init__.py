"""Results of finished runs beside the printed numbers."""
