"""The seam to the HTTP library: injected clients and transports, forks, threads."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from hevlayer import (
    APIConnectionError,
    AsyncHevlayer,
    BadRequestError,
    ConfigError,
    Hevlayer,
    HttpRequest,
    HttpResponse,
    ResponseError,
    TransportFailure,
)
from hevlayer._transport import HttpxTransport

from .scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from .conftest import Driver

OK = Answer(json={"status": "ok"})


class CannedTransport:
    """A transport of one's own, with no network behind it."""

    def __init__(self, *outcomes: HttpResponse | TransportFailure) -> None:
        self.outcomes = list(outcomes)
        self.requests: list[HttpRequest] = []
        self.closed = False

    def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, TransportFailure):
            raise outcome
        return outcome

    def close(self) -> None:
        self.closed = True


def test_a_transport_of_ones_own_can_be_used_and_stays_open(instant: list[float]) -> None:
    transport = CannedTransport(
        TransportFailure("no route", phase="connect", timed_out=False),
        HttpResponse(200, {}, b'{"status": "ok"}'),
    )
    with Hevlayer(http_client=transport, timeout=7) as client:
        assert client.get_health().status == "ok"
    assert not transport.closed
    request = transport.requests[0]
    assert (request.method, request.url) == ("GET", "http://localhost:8080/health")
    assert (request.timeout, request.connect_timeout, request.content) == (7, 5, None)
    assert len(instant) == 1


def test_an_httpx_client_of_ones_own_keeps_its_settings_and_stays_open(server: ScriptedServer) -> None:
    server.answer(OK)
    with httpx2.Client(headers={"x-mine": "1"}, follow_redirects=True) as mine:
        with Hevlayer(base_url=server.url, http_client=mine) as client:
            assert client.get_health().status == "ok"
            server.answer(Answer(delay=5))
            with pytest.raises(APIConnectionError):
                client.get_health(timeout=0.2, max_retries=0)
        assert not mine.is_closed
    assert server.requests[0].headers["x-mine"] == "1"


def test_an_async_httpx_client_of_ones_own_works_too(server: ScriptedServer) -> None:
    server.answer(OK)

    async def use() -> str:
        async with (
            httpx2.AsyncClient() as mine,
            AsyncHevlayer(base_url=server.url, http_client=mine) as client,
        ):
            return (await client.get_health()).status

    assert asyncio.run(use()) == "ok"


def test_errors_that_are_not_the_transports_pass_unchanged(server: ScriptedServer) -> None:
    with httpx2.Client() as mine:
        mine.close()
        with pytest.raises(RuntimeError, match="closed"):
            Hevlayer(base_url=server.url, http_client=mine).get_health()


def test_threads_share_one_client(options: dict[str, Any], server: ScriptedServer) -> None:
    server.answer(OK)
    with Hevlayer(**options) as client, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: client.get_health().status, range(40)))
    assert results == ["ok"] * 40


def test_a_closed_client_can_be_closed_again_and_opens_anew_when_used(
    options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(OK)
    client = Hevlayer(**options)
    client.close()
    assert client.get_health().status == "ok"
    client.close()
    client.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_opens_connections_of_its_own(server: ScriptedServer) -> None:
    server.answer(OK)
    script = (
        "import os, sys; from hevlayer import Hevlayer\n"
        "client = Hevlayer(base_url=sys.argv[1])\n"
        "client.get_health(); parent = client._transport._open()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    same = (client.get_health(), client._transport._open() is parent)[1]\n"
        "    os._exit(1 if same else 0)\n"
        "_, status = os.waitpid(child, 0)\n"
        "assert client.get_health().status == 'ok'\n"
        "client.close(); sys.exit(os.waitstatus_to_exitcode(status))\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, server.url], check=True, timeout=30)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_while_a_thread_opens_connections_does_not_hang_the_child(server: ScriptedServer) -> None:
    server.answer(OK)
    script = (
        "import os, signal, sys, threading; from hevlayer import Hevlayer\n"
        "client = Hevlayer(base_url=sys.argv[1]); transport = client._transport\n"
        "library, opening, forked = transport._httpx, threading.Event(), threading.Event()\n"
        "class Slow:\n"
        "    def Client(self, **options):\n"
        "        opening.set(); forked.wait(20)\n"
        "        return library.Client(**options)\n"
        "transport._httpx = Slow()\n"
        "thread = threading.Thread(target=client.get_health); thread.start(); opening.wait(20)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    signal.alarm(15); transport._httpx = library\n"
        "    os._exit(0 if client.get_health().status == 'ok' else 1)\n"
        "_, status = os.waitpid(child, 0); forked.set(); thread.join()\n"
        "client.close(); sys.exit(abs(os.waitstatus_to_exitcode(status)))\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, server.url], check=True, timeout=60)


def test_a_first_call_imports_nothing_since_a_fork_meanwhile_would_hang_the_child(
    server: ScriptedServer,
) -> None:
    server.answer(OK)
    script = (
        "import sys; from hevlayer import Hevlayer\n"
        "client = Hevlayer(base_url=sys.argv[1]); before = set(sys.modules)\n"
        "client.get_health(); client.close(); more = set(sys.modules) - before\n"
        "sys.exit(f'imported {more}' if more else 0)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, server.url], check=True, timeout=60)


def test_event_loops_that_have_ended_leave_no_connections_behind(server: ScriptedServer) -> None:
    server.answer(OK)
    script = (
        "import asyncio, gc, os, sys; from hevlayer import AsyncHevlayer\n"
        "client = AsyncHevlayer(base_url=sys.argv[1])\n"
        "async def use(): return (await client.get_health()).status\n"
        "for _ in range(12): assert asyncio.run(use()) == 'ok'\n"
        "gc.collect(); held = len(client._transport._owned)\n"
        "sys.exit(f'{held} pools are held' if held > 1 else 0)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, server.url], check=True, timeout=60)


def test_cookies_are_not_kept(driver: Driver, options: dict[str, Any], server: ScriptedServer) -> None:
    server.answer(Answer(json={"status": "ok"}, headers={"set-cookie": "session=1; Path=/"}))
    driver.calls(options, lambda client: client.get_health(), lambda client: client.get_health())
    assert ["cookie" in request.headers for request in server.requests] == [False, False]


def test_an_http_client_of_the_wrong_kind_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="http_client is an async one, which needs an AsyncHevlayer"):
        Hevlayer(http_client=httpx2.AsyncClient())
    with httpx2.Client() as blocking, pytest.raises(ConfigError, match="http_client is a blocking one"):
        AsyncHevlayer(http_client=blocking)
    for client in (5, httpx2.Client, "http://proxy"):
        with pytest.raises(ConfigError, match="http_client must be an httpx client or a transport"):
            Hevlayer(http_client=client)  # type: ignore[arg-type]


def test_an_oversized_answer_is_refused_and_not_asked_for_again(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hevlayer._transport.RESPONSE_BYTES_MAX", 100)
    server.answer(Answer(raw=b" " * 101))
    with pytest.raises(ResponseError, match="getHealth: the response is larger than 100 bytes") as caught:
        driver.call(options, "get_health")
    error = caught.value
    assert (error.status_code, error.attempts, error.operation_id) == (200, 1, "getHealth")
    assert (error.method, error.route) == ("GET", "/health")
    assert len(server.requests) == 1


def test_an_error_of_any_size_is_read_to_a_mebibyte(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    whole = {"error": "bad", "message": "m", "detail": "x" * 300_000}
    endless = json.dumps({**whole, "more": "y" * 2**21}).encode()
    server.answer(Answer(status=400, json=whole), Answer(status=400, raw=endless))
    for code, length in (("bad", None), (None, 64 * 1024)):
        with pytest.raises(BadRequestError) as caught:
            driver.call(options, "get_health")
        assert caught.value.error == code
        if length is None:
            assert caught.value.body == whole
        else:
            assert len(caught.value.body) == length
            assert len(caught.value.response.content) == 2**20


def test_the_deadline_holds_every_connection_of_the_http_library(server: ScriptedServer) -> None:
    transport = HttpxTransport()
    client = transport._open()
    pools = [each._pool for each in (client._transport, *client._mounts.values()) if each is not None]
    assert pools
    assert all(type(pool._network_backend).__module__ == "hevlayer._deadline" for pool in pools)
    transport.close()


def test_the_http_library_is_imported_with_the_first_client_only() -> None:
    script = (
        "import sys, hevlayer; assert 'httpx2' not in sys.modules\n"
        "hevlayer.Hevlayer(); assert 'httpx2' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
