"""Per codec: where decoding can resume, and which encoder matches a film."""
