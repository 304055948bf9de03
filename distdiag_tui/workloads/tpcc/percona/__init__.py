"""The load run by tpcc_start, the program of Percona's tpcc-mysql, on the same tables."""
