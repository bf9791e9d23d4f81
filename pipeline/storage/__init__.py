"""Where clips are uploaded so that a provider can read them."""
