"""Experiments: a plan of runs, each recorded with its labels."""
