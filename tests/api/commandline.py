"""`distdiag ...` in this process: a fifth of the time of one of its own."""

from __future__ import annotations

import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest

from distdiag_tui.cli import main
from distdiag_tui.config.environment import environment


def distdiag(*words: str) -> subprocess.CompletedProcess[str]:
    """Its exit code, and what it wrote."""
    out, err = StringIO(), StringIO()
    environment.cache_clear()
    with redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["distdiag", *words])
        with pytest.raises(SystemExit) as left:
            main()
    environment.cache_clear()
    assert isinstance(left.value.code, int)
    return subprocess.CompletedProcess(words, left.value.code, out.getvalue(), err.getvalue())
