"""TPC-C after the specification's revision 5.11: our own loader, terminals and consistency checks."""
