"""What models read: spectrograms of audio, WordPiece tokens and word vectors of lyrics; settings in specs.toml."""
