"""Faults made with SQL, on any server that speaks the MySQL protocol."""
