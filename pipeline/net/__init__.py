"""HTTP: the connection pool, SSRF-guarded downloads, rate limits and error texts."""
