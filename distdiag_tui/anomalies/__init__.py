"""Faults made on purpose: what there is, how each is made, and that each of them ends."""
