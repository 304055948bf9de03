"""Where samples come from. A source is an async iterator of frames; live is the first of its kind."""
