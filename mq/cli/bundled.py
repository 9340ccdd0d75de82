"""Programs that come with mq but are not part of it: demos and benchmarks."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any


def folder_of(name: str) -> Path:
    """Return the folder: in the package when it is installed, beside it in a clone."""
    package = Path(__file__).parents[1]
    installed = package / name
    return installed if installed.is_dir() else package.parent / name


def load(folder: Path, module: str) -> Any:
    """Import a module of a folder as part of a package of its own, whatever sys.path says."""
    package = f"mq_beside_{folder.parent.name}_{folder.name}".replace("-", "_")
    if package not in sys.modules:
        spec = ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[package] = module_from_spec(spec)
    return import_module(f"{package}.{module}")
