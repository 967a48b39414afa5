"""Audio files to spectrograms."""
