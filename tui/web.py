"""The dashboard in a browser: each page is a process of its own behind a web socket.

The server answers only to the names it listens on: another page in the same browser, or a name
that was pointed at this machine, can neither see the store nor press a key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

_PAGE = Path(__file__).with_name("web.html")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " font-src 'self'; img-src 'self' data:; connect-src {scheme}://{host}"
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Return whether a name or an address is of this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def may_ask(listens_on: str, host: str, origin: str | None) -> bool:
    """Return whether a request may be answered, by its Host and its Origin.

    On the loopback interface only its own names count, since any name can be pointed at it.
    """
    name = urlsplit(f"//{host}").hostname or ""
    if is_loopback(listens_on) and name not in _LOOPBACK:
        return False
    return origin is None or urlsplit(origin).netloc == host


class WebServer(Server):
    """Serves the dashboard of a command; ctrl+c ends it."""

    def __init__(self, command: str, host: str, port: int, title: str) -> None:
        super().__init__(command, host, port, title)

    async def on_startup(self, app: web.Application) -> None:
        """Leave the greeting to the command line."""

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not may_ask(self.host, request.host, request.headers.get("Origin")):
            raise web.HTTPForbidden(text="this page may not ask mq\n")
        return await handler(request)

    async def handle_index(self, request: web.Request) -> web.Response:
        """Return the page; its web socket is where the page itself was found."""
        scheme = "wss" if request.scheme == "https" else "ws"
        page = _PAGE.read_text(encoding="utf-8")
        page = page.replace("{title}", escape(self.title))
        page = page.replace("{socket}", escape(f"{scheme}://{request.host}/ws"))
        policy = _POLICY.format(scheme=scheme, host=request.host)
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
        return web.Response(text=page, content_type="text/html", headers=headers)


def serve(
    command: str, host: str, port: int, title: str, when_listening: Callable[[], None]
) -> None:
    """Serve pages until ctrl+c; raises `OSError` where the port is taken."""
    pages = WebServer(command, host, port, title)
    # It prints once, when it listens.
    web.run_app(
        pages._make_app(), host=host, port=port, access_log=None, print=lambda *_: when_listening()
    )
