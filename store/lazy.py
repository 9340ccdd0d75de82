"""Packages whose modules, and names, are imported when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def on_demand(package: str, names: Mapping[str, str] | None = None) -> Callable[[str], object]:
    """Return the `__getattr__` of a package (PEP 562) that imports one of its modules by its name.

    `names` are taken from the modules they map to.
    """

    def load(name: str) -> object:
        if names and name in names:
            return getattr(import_module(names[name]), name)
        module = f"{package}.{name}"
        try:
            return import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise AttributeError(f"module {package!r} has no attribute {name!r}") from None

    return load
