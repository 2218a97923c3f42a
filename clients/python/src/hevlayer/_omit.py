"""The sentinel for "not given", which is not None: None is a JSON null and travels."""

from __future__ import annotations

from typing import Final, final


@final
class Omit:
    """The type of `OMIT`; compare with `is`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "OMIT"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        # Pickled by name, so that identity survives a process boundary.
        return "OMIT"


OMIT: Final = Omit()
"""Leave this option or body field out of the request."""
