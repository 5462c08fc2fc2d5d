"""Something that only one process may have, in a store that can neither rename nor create exclusively."""

from __future__ import annotations

import uuid
from typing import Protocol


class _Objects(Protocol):
    def write(self, name: str, content: bytes) -> None: ...

    def names(self, folder: str = "") -> list[str]: ...

    def remove(self, name: str) -> None: ...


class Claim:
    """A folder of claims, of which one alone holds.

    Whoever wants it writes a claim and then looks who else has one. It has it only when there is no other: two that
    come at the same time see each other, as each has written before it looked, and both step back.

    Attributes:
        folder: of the claims.
    """

    def __init__(self, objects: _Objects, folder: str) -> None:
        """Nothing is claimed yet."""
        self._objects = objects
        self.folder = folder
        self._own = uuid.uuid4().hex

    def take(self, content: bytes = b"") -> bool:
        """Whether this process has it now. When not, try again after a pause of random length."""
        name = f"{self.folder}/{self._own}"
        self._objects.write(name, content)
        if self._objects.names(self.folder) == [self._own]:
            return True
        self._objects.remove(name)
        return False

    def give_back(self) -> None:
        """Lets others have it."""
        self._objects.remove(f"{self.folder}/{self._own}")
