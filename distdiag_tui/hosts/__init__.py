"""What servers' machines and processes tell: several ways in, one kind of figures."""
