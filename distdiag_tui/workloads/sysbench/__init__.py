"""Load from the installed `sysbench` program: its own OLTP scripts, one process for each server."""
