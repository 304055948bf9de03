"""Prometheus, or what speaks like it: our figures as its series, written there and read back."""
