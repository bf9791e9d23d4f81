"""Put conformed takes back into a film; everything that is not edited is copied."""
