"""Which redirects are followed, and what is taken along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hevlayer import APIConnectionError, APIError, APITimeoutError, Hevlayer, HttpRequest, HttpResponse
from hevlayer._redirect import REDIRECTS_MAX

from .conftest import API_KEY, STORE_KEY
from .scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Driver

OK = Answer(json={"status": "ok"})
STATUSES = [301, 302, 303, 307, 308]


def moved(location: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"location": location}, raw=b"")


@pytest.fixture
def third() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.mark.parametrize("status", STATUSES)
def test_a_redirected_read_is_followed_headers_and_all(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, status: int
) -> None:
    server.answer(moved("/moved?x=1#part", status), OK)
    result = driver.call(options, "get_health", headers={"x-team-token": "t"}, with_perf=True)
    assert (result.data.status, result.perf.attempts) == ("ok", 1)
    request = server.requests[1]
    assert (request.method, request.target) == ("GET", "/moved?x=1")
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert request.headers["x-team-token"] == "t"


def test_another_origin_is_told_nothing_but_what_the_client_is_and_a_way_back_changes_nothing(
    driver: Driver,
    options: dict[str, Any],
    server: ScriptedServer,
    upstream: ScriptedServer,
    third: ScriptedServer,
) -> None:
    server.answer(moved(f"{upstream.url}/detour", 307), OK)
    upstream.answer(moved(f"{third.url}/away"))
    third.answer(moved(f"{server.url}/back"))
    assert driver.call({**options, "headers": {"x-team-token": "t"}}, "get_health").status == "ok"
    first, back = server.requests
    assert first.headers["authorization"] == f"Bearer {API_KEY}"
    for request in (upstream.requests[0], third.requests[0], back):
        assert set(request.headers) == {"accept", "accept-encoding", "connection", "host", "user-agent"}
        assert request.headers["user-agent"].startswith("hevlayer-python/")


@pytest.mark.parametrize("status", STATUSES)
def test_a_redirected_write_is_reported_and_not_sent_again(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, status: int
) -> None:
    server.answer(moved("/elsewhere", status))
    with pytest.raises(APIError) as caught:
        driver.call(options, "write_namespace", "products", {"deletes": ["a"]})
    assert (caught.value.status_code, caught.value.attempts) == (status, 1)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("location", "requests"),
    [
        ("/again", REDIRECTS_MAX + 1),
        ("http://[broken", 1),
        ("http://127.0.0.1:port/x", 1),
        ("ftp://127.0.0.1/x", 1),
        ("file:///etc/passwd", 1),
        ("http://user:pw@127.0.0.1/x", 1),
        ("", 1),
    ],
)
def test_a_redirect_that_is_not_followed_is_the_answer(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, location: str, requests: int
) -> None:
    server.answer(moved(location))
    with pytest.raises(APIError) as caught:
        driver.call(options, "get_health")
    assert (caught.value.status_code, caught.value.attempts) == (302, 1)
    assert len(server.requests) == requests


def test_a_redirect_from_https_to_http_is_the_answer() -> None:
    class Downgrading:
        def __init__(self) -> None:
            self.urls: list[str] = []

        def send(self, request: HttpRequest) -> HttpResponse:
            self.urls.append(request.url)
            return HttpResponse(302, {"location": "http://plain.example/health"}, b"")

        def close(self) -> None: ...

    transport = Downgrading()
    with pytest.raises(APIError):
        Hevlayer(base_url="https://safe.example", http_client=transport).get_health()
    assert transport.urls == ["https://safe.example/health"]


def test_a_redirect_to_where_nobody_listens_does_not_fall_through(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, upstream: ScriptedServer
) -> None:
    server.answer(moved("http://127.0.0.1:1/x"))
    options |= {"turbopuffer_api_key": STORE_KEY, "turbopuffer_base_url": upstream.url, "max_retries": 0}
    with pytest.raises(APIConnectionError):
        driver.call(options, "get_turbopuffer_namespace_schema", "products")
    assert upstream.requests == []


def test_all_redirects_of_an_attempt_share_its_timeout(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(status=302, headers={"location": "/again"}, delay=0.2))
    with pytest.raises(APITimeoutError):
        driver.call(options, "get_health", timeout=0.5, max_retries=0)
    assert len(server.requests) <= 3
