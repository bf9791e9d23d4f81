"""The studio: a local page on which an editor finds a moment, sees expressions, makes takes and finishes the film."""
