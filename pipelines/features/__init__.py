"""Features into shards: every audio file decoded once, lyrics as tokens. The workers load torch, the rest does not."""
