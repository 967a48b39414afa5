"""Genres of songs by a trained model: `python -m mgc_models.predict --help`."""
