"""Load for a demonstration or an experiment, run in a process of its own so that it dies with the console."""
