"""What is looked at beside the scores: inpainting, genre embeddings."""
