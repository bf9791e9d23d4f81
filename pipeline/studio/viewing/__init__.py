"""What the page shows and plays: stills, proxies, and the live preview."""
