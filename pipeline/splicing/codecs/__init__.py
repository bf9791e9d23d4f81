"""The codecs that are spliced packet by packet: where a decoder can resume, and who writes what stands beside it."""
