"""What models read: log-mel filter banks of audio and WordPiece tokens of lyrics."""
