"""What programs that are not ours inherit of our environment."""

from __future__ import annotations

import os
from typing import Final

PLAIN: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH")


def plain_environment() -> dict[str, str]:
    """What any program needs, and no password of ours."""
    return {name: value for name, value in os.environ.items() if name in PLAIN}
