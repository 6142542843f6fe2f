"""A connection for each request under way, used again when it is idle."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from evalkit.load.transport import wide_transport
from tests.backends.openai.server import Reply, Seen, as_json, refusal, serving


def ports_of(transport: httpx.AsyncBaseTransport, url: str, rounds: int, at_once: int) -> list[set[int]]:
    """The client's own ports, as it asked so many at once, so many times over."""

    async def work() -> list[set[int]]:
        found = []
        async with httpx.AsyncClient(transport=transport) as client:
            for _ in range(rounds):
                replies = await asyncio.gather(*(client.post(f"{url}/x", json={}) for _ in range(at_once)))
                assert all(each.status_code == 200 for each in replies)
                found.append({each.extensions["network_stream"].get_extra_info("client_addr")[1] for each in replies})
        return found

    return asyncio.run(work())


def test_requests_at_once_have_connections_of_their_own_and_use_them_again() -> None:
    together = threading.Barrier(6)

    def answer(_seen: Seen) -> Reply:
        # Each waits for the other five: were one of them held back by the client, none would be answered.
        together.wait(timeout=20)
        return as_json({})

    with serving(answer) as server:
        transport = wide_transport(server.url)
        assert transport is not None
        first, second = ports_of(transport, server.url, 2, 6)
    assert len(first) == 6
    assert first == second


def test_what_a_server_refuses_leaves_the_connection_whole() -> None:
    with serving(lambda seen: refusal(429, "busy")) as server:
        transport = wide_transport(server.url)
        assert transport is not None

        async def work() -> list[int]:
            async with httpx.AsyncClient(transport=transport) as client:
                return [(await client.post(f"{server.url}/x", json={})).status_code for _ in range(3)]

        assert asyncio.run(work()) == [429, 429, 429]


def test_a_connection_that_broke_is_not_used_again() -> None:
    answers = iter([Reply(hang_up=True), as_json({"well": 1})])
    with serving(lambda seen: next(answers)) as server:
        transport = wide_transport(server.url)
        assert transport is not None

        async def work() -> int:
            async with httpx.AsyncClient(transport=transport) as client:
                with pytest.raises(httpx.HTTPError):
                    await client.post(f"{server.url}/x", json={})
                return (await client.post(f"{server.url}/x", json={})).status_code

        assert asyncio.run(work()) == 200


def test_where_there_is_a_proxy_the_usual_pool_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:1")
    assert wide_transport("http://localhost:1") is None
