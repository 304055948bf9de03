"""Which cluster, and as whom: kubeconfigs, several of them, and a pod's own account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import incluster_config

from distdiag_tui.kube import access
from distdiag_tui.kube.access import Access, find_access
from distdiag_tui.kube.place import Place
from distdiag_tui.model.errors import ConfigError
