"""The application's own classes, where it allowed rows to hold them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from gnomon.errors import RowRefused, shown


class ApplicationClasses:
    """Module prefixes that the application allows: ``"myapp.models"`` is that module and those below it.

    A row can only name what such a module *defines*. What it imports from elsewhere (``os`` in its namespace, say)
    stays out of reach.
    """

    def __init__(self, allow: Sequence[str] = ()) -> None:
        if isinstance(allow, str):
            raise TypeError(f"allow is a list of module prefixes; write allow=[{allow!r}]")
        self._prefixes = tuple(allow)

    def permits(self, module: str) -> bool:
        """Whether rows may name what this module defines."""
        return any(module == prefix or module.startswith(f"{prefix}.") for prefix in self._prefixes)

    def resolve(self, module: str, name: str) -> Any:
        """The class or function, imported. Raises ``RowRefused``, or what importing the application raises."""
        if not self.permits(module):
            named = f"{module}.{name}"
            raise RowRefused(f"it names {shown(named)}, which is not on the allow-list", names=named)
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        home = getattr(found, "__module__", None)
        if not isinstance(home, str) or not self.permits(home) or getattr(found, "__qualname__", None) != name:
            raise RowRefused(f"it names {shown(f'{module}.{name}')}, which no allowed module defines")
        return found
