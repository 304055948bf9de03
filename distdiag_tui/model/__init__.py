"""The vocabulary: metrics, topology, samples, snapshots. Imports nothing of ours but itself."""
