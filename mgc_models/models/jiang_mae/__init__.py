"""The audio-lyrics masked autoencoder of Jiang 2024."""
