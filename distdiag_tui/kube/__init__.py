"""A Kubernetes cluster: how it is reached, calls that have patience and explain themselves, what it runs."""
