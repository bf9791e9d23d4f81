"""HTTP: the connection pool, guarded downloads, rate limits and error texts."""
