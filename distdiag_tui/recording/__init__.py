"""Recorded runs: raw samples with labels on disk, and what gives them back as a source. See `layout`."""
