"""The 22 queries of TPC-H over data of any scale: a power test, a throughput test, and their answers."""
