"""Inputs of models: spectrograms of audio, WordPiece tokens and word vectors of lyrics; settings in specs.toml."""
