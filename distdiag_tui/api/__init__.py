"""The HTTP service: the same services as the console's, for programs."""
