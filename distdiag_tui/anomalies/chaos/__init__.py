"""Faults made by Chaos Mesh in a Kubernetes cluster."""
