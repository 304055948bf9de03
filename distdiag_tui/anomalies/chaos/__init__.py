"""Faults made by Chaos Mesh in a Kubernetes cluster.

What the account needs in the namespace: list on observers.oceanbase.oceanbase.com (or on pods), and create,
get, list and delete on the kinds of chaos-mesh.org that are made. With watch on them progress is heard at
once, with get on pods a killed pod's return is told, with list on events they are shown.
"""

from distdiag_tui.kube.place import missing

__all__ = ["missing"]
