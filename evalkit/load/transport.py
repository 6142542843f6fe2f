"""Connections for hundreds of requests at a time.

The pool of httpx looks at each of its connections for each of them whenever a request comes or goes: with a hundred
under way a client is busy with that alone, and late. Here each request under way has a transport of its own with one
connection, taken from those that are idle; nothing is looked through, and nothing waits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.request import getproxies

if TYPE_CHECKING:
    import httpx


def wide_transport(base_url: str) -> httpx.AsyncBaseTransport | None:
    """None where the environment names a proxy, which only httpx's own pool finds its way through."""
    if getproxies():
        return None
    import httpx

    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    # One for all: making it takes a while. Where nothing is encrypted there is no certificate to look at.
    verify = httpx.create_ssl_context(verify=base_url.lower().startswith("https:"))

    def one() -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=verify, limits=limits)

    class Returning(httpx.AsyncByteStream):
        """The body of a response; its connection is idle again when it is closed."""

        def __init__(
            self, stream: httpx.AsyncByteStream, of: httpx.AsyncHTTPTransport, idle: list[httpx.AsyncHTTPTransport]
        ) -> None:
            self._stream, self._of, self._idle = stream, of, idle

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for each in self._stream:
                yield each

        async def aclose(self) -> None:
            await self._stream.aclose()
            self._idle.append(self._of)

    class Wide(httpx.AsyncBaseTransport):
        def __init__(self) -> None:
            self._idle: list[httpx.AsyncHTTPTransport] = []

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            # The one that was used last is the least likely to have been closed by the server.
            own = self._idle.pop() if self._idle else one()
            try:
                response = await own.handle_async_request(request)
            except BaseException:
                await own.aclose()
                raise
            assert isinstance(response.stream, httpx.AsyncByteStream)
            response.stream = Returning(response.stream, own, self._idle)
            return response

        async def aclose(self) -> None:
            while self._idle:
                await self._idle.pop().aclose()

    return Wide()
