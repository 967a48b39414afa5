"""Genre statistics: correlation, coarse genres, vectors of genre names."""
