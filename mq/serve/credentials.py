"""The users of a server: names and secrets in a TOML file that no one else can read."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from store.model.errors import BadInput, NotFound

Credentials = dict[str, str]


def read(file: Path) -> Credentials:
    """Return the secrets by user; raises `BadInput` for a file that others can read."""
    document = _document(file)
    unknown = set(document) - {"users"}
    if unknown:
        raise BadInput(f"{file} has no table {sorted(unknown)[0]!r}", hint="tables: users")
    users = document.get("users")
    if not isinstance(users, dict) or not users:
        raise BadInput(f"{file} names no user", hint='[users] with lines NAME = "SECRET"')
    for name, secret in users.items():
        if not isinstance(secret, str) or not secret:
            raise BadInput(f"the secret of {name} in {file} must be text")
    return users


def _document(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            if stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077:
                raise BadInput(f"{file} can be read by others", hint=f"chmod 600 {file}")
            return tomllib.load(opened)
    except FileNotFoundError:
        raise NotFound(f"there is no file {file}") from None
    except OSError as error:
        raise BadInput(f"can't read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: {error}") from None
