"""How a server may ask for the password: by what proves that we know it, and gives it to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn


class _Refused:
    def __init__(self, _connection: object) -> None:
        """As the driver makes it."""

    def authenticate(self, _packet: object) -> NoReturn:
        from asyncmy.errors import OperationalError  # noqa: PLC0415  not needed for a start

        raise OperationalError(2059, "it asks for the password in clear, which is refused")


METHODS: Final[Mapping[bytes, type[_Refused]]] = dict.fromkeys(
    (b"mysql_clear_password", b"dialog", b"sha256_password", b"mysql_old_password"), _Refused
)
"""For the driver's `auth_plugin_map`: whoever answers at an address would get it for the asking."""
