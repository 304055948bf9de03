"""Faults of a lab node made from outside it: signals, its disk, its network."""
