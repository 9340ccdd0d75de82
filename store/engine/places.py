"""Places: where a broker is, by URL or by name, without the secrets that lead in."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from store.model.errors import BadInput, NotFound
from store.model.nearest import did_you_mean

PASSWORD_VARIABLE = "MQ_PASSWORD"
_TLS = "+tls"
_KEYS = ("url", "user", "password_env", "password_command", "ca", "cert", "key")
# The part of a URL that may hold a password; no error repeats it.
_CREDENTIALS = r"//[^/?#]*@"
_COMMAND_SECONDS = 30.0


@dataclass(frozen=True)
class Place:
    """A server: how it is reached, and where its secret comes from.

    `name` is what a person calls it, and `url` where it is; neither holds a secret. `path` is what
    follows the host, decoded, without the first slash.
    """

    name: str
    scheme: str
    tls: bool
    user: str | None
    hosts: tuple[tuple[str, int | None], ...]
    path: str
    options: dict[str, str]
    password_env: str | None = None
    password_command: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    given_password: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The place as a URL, without a secret."""
        user = "" if self.user is None else f"{quote(self.user, safe='')}@"
        hosts = ",".join(h if port is None else f"{h}:{port}" for h, port in self.hosts)
        path = f"/{quote(self.path, safe='')}" if self.path else ""
        options = "&".join(f"{name}={quote(value, ':/')}" for name, value in self.options.items())
        tls = _TLS if self.tls else ""
        return f"{self.scheme}{tls}://{user}{hosts}{path}{'?' if options else ''}{options}"

    def option(self, name: str, default: str) -> str:
        """Return an option of the URL."""
        return self.options.get(name, default)

    def check_options(self, *known: str) -> None:
        """Raise `BadInput`, with the nearest, for an option that the engine does not know."""
        for name in self.options:
            if name not in known:
                hint = did_you_mean(name, known, "options: " + ", ".join(known))
                raise BadInput(f"{self.scheme} has no option {name!r}", hint=hint)

    @property
    def secret_variables(self) -> set[str]:
        """The environment variables that may hold the secret."""
        return {PASSWORD_VARIABLE, *([self.password_env] if self.password_env else [])}

    def password(self) -> str | None:
        """Return the password by the way that the place names, else from `$MQ_PASSWORD`.

        Raises `BadInput` where the named way has none.
        """
        if self.password_command is not None:
            return self._password_by_command(self.password_command)
        if self.password_env is not None:
            secret = os.environ.get(self.password_env)
            if not secret:
                raise BadInput(f"${self.password_env}, the password of {self.name}, is not set")
            return secret
        return self.given_password or os.environ.get(PASSWORD_VARIABLE) or None

    def _password_by_command(self, command: str) -> str:
        import shlex
        import subprocess

        try:
            done = subprocess.run(
                shlex.split(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                timeout=_COMMAND_SECONDS, check=True,
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            ending = f"it ended with exit code {error.returncode}"
        except subprocess.TimeoutExpired:
            ending = f"it took longer than {_COMMAND_SECONDS:.0f}s"
        except (OSError, ValueError) as error:
            ending = f"it can't be run: {error}"
        else:
            lines = done.stdout.decode(errors="surrogateescape").splitlines()
            if lines and lines[0]:
                return lines[0]
            ending = "it printed nothing"
        raise BadInput(f"password_command of {self.name} gave no password: {ending}")


def read_place(text: str, *, may_hold_password: bool = False) -> Place:
    """Read a URL, or `@NAME` of places.toml; raises `BadInput`, and `NotFound` for a name.

    A password in a URL is refused unless the URL comes from where others can't read it.
    """
    if text.startswith("@"):
        return _named_place(text)
    place = _from_url(text, text)
    if place.given_password is not None and not may_hold_password:
        raise BadInput(
            f"{place.url} was given with a password, which other users and logs can see",
            hint=f"give it in ${PASSWORD_VARIABLE}, or by password_command in {places_file()}",
        )
    return place


def places_file() -> Path:
    """Return the file of the named places."""
    config = os.environ.get("XDG_CONFIG_HOME") or ""
    folder = Path(config) if os.path.isabs(config) else Path.home() / ".config"
    return folder / "mq" / "places.toml"


def _named_place(name: str) -> Place:
    tables = _read_tables()
    table = tables.get(name[1:])
    if not isinstance(table, dict):
        known = [f"@{one}" for one, content in tables.items() if isinstance(content, dict)]
        told = f"{places_file()} has {', '.join(known) or 'none'}"
        raise NotFound(f"there is no place {name}", hint=did_you_mean(name, known, told))
    return _from_table(name, table)


def _read_tables() -> dict[str, Any]:
    import tomllib

    file = places_file()
    try:
        with file.open("rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            if mode & 0o077:
                raise BadInput(f"{file} can be read by others", hint=f"chmod 600 {file}")
            return tomllib.load(opened)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadInput(f"can't read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: {error}") from error


def _from_table(name: str, table: dict[str, Any]) -> Place:
    where = f"{name} in {places_file()}"
    for key, value in table.items():
        if key not in _KEYS:
            told = "keys: " + ", ".join(_KEYS)
            raise BadInput(f"{where} has no key {key!r}", hint=did_you_mean(key, _KEYS, told))
        if not isinstance(value, str):
            raise BadInput(f"{key} of {where} must be text")
    if "url" not in table:
        raise BadInput(f"{where} has no url", hint='url = "rabbitmq://HOST/VHOST"')
    if "password_env" in table and "password_command" in table:
        raise BadInput(f"{where} has two passwords", hint="password_env or password_command")
    place = _from_url(table["url"], name)
    if place.given_password is not None:
        raise BadInput(f"the url of {where} holds a password", hint="name a password_command")
    rest = {key: value for key, value in table.items() if key not in {"url", "user"}}
    return Place(
        name, place.scheme, place.tls, table.get("user", place.user), place.hosts, place.path,
        place.options, **rest,
    )  # fmt: skip


def _from_url(text: str, name: str) -> Place:
    shown = re.sub(_CREDENTIALS, "//", text)
    try:
        parts = urlsplit(text)
        hosts = tuple(map(_host_and_port, parts.netloc.rpartition("@")[2].split(",")))
        user, password = parts.username, parts.password
    except ValueError as error:
        raise BadInput(f"{shown} is not a place: {error}") from None
    if not all(host for host, _ in hosts):
        raise BadInput(f"{shown} names no host", hint="as in rabbitmq://HOST/VHOST")
    if parts.fragment:
        raise BadInput(f"{shown} has a #, which begins nothing here", hint="write it as %23")
    place = Place(
        name="",
        scheme=parts.scheme.removesuffix(_TLS),
        tls=parts.scheme.endswith(_TLS),
        user=None if user is None else unquote(user),
        hosts=hosts,
        path=unquote(parts.path.removeprefix("/")),
        options=dict(parse_qsl(parts.query, keep_blank_values=True)),
        given_password=None if password is None else unquote(password),
    )
    if any(re.search(_CREDENTIALS, value) for value in place.options.values()):
        told = f"an option of {place.scheme}:// holds a user"
        raise BadInput(told, hint="name the user before the host")
    object.__setattr__(place, "name", name if name.startswith("@") else place.url)
    return place


def _host_and_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, _, port = text.partition("]")
        host, port = f"{host}]", port.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if not port:
        return host, None
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{port!r} is not a port")
    return host, int(port)
