"""The built-in OLTP load: short transactions over a few tables, alive on a machine without sysbench."""
