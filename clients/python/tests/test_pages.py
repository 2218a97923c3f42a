"""Listings: one page by default, all of them when walked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hevlayer import Hevlayer, NotFoundError, PageError

from .scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from .conftest import Driver


def page(*names: str, cursor: str | None = None) -> Answer:
    body: dict[str, Any] = {"namespaces": [{"name": name, "id": name} for name in names]}
    return Answer(json=body if cursor is None else {**body, "next_cursor": cursor})


def test_a_listing_gives_one_page(driver: Driver, options: dict[str, Any], server: ScriptedServer) -> None:
    server.answer(page("a", cursor="c1"))
    result = driver.call(options, "list_namespaces", prefix="p")
    assert [item.name for item in result.namespaces] == ["a"]
    assert result.next_cursor == "c1"
    assert len(server.requests) == 1


def test_walking_goes_on_over_empty_pages_and_stops_without_a_cursor(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(page("a", "b", cursor="c1"), page(cursor="c2"), page("c", cursor=""))
    items = driver.collect(
        options, lambda client: client.iter_namespaces(prefix="p", page_size=2, headers={"x-mark": "1"})
    )
    assert [item.name for item in items] == ["a", "b", "c"]
    assert [request.target for request in server.requests] == [
        "/v2/namespaces?prefix=p&page_size=2",
        "/v2/namespaces?prefix=p&cursor=c1&page_size=2",
        "/v2/namespaces?prefix=p&cursor=c2&page_size=2",
    ]
    assert all(request.headers["x-mark"] == "1" for request in server.requests)


def test_plain_listings_are_walked_alike(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(page("a", cursor="c1"), Answer(json={"namespaces": [{"id": "b"}], "next_cursor": None}))
    items = driver.collect(options, lambda client: client.iter_turbopuffer_namespaces())
    assert [item["id"] for item in items] == ["a", "b"]


def test_whole_pages_can_be_walked(driver: Driver, options: dict[str, Any], server: ScriptedServer) -> None:
    server.answer(page("a", cursor="c1"), page("b"))
    pages = driver.collect(options, lambda client: client.iter_namespaces().by_page())
    assert [len(each.namespaces) for each in pages] == [1, 1]


def test_walking_starts_at_a_given_cursor_and_again_each_time(
    options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(page("a"))
    with Hevlayer(**options) as client:
        listing = client.iter_namespaces(cursor="from-here")
        assert server.requests == []
        assert [item.name for item in listing] == [item.name for item in listing] == ["a"]
    assert [request.target for request in server.requests] == ["/v2/namespaces?cursor=from-here"] * 2


@pytest.mark.parametrize(("start", "twice"), [({}, "c1"), ({"cursor": "c2"}, "c2")])
def test_a_cursor_seen_before_is_an_error_instead_of_a_loop(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, start: dict[str, str], twice: str
) -> None:
    server.answer(page("a", cursor="c1"), page("b", cursor="c2"), page("c", cursor="c1"))
    with pytest.raises(PageError, match=f"gave the cursor '{twice}' twice"):
        driver.collect(options, lambda client: client.iter_namespaces(**start))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "has no items"),
        ({"namespaces": {}}, "are dict, not a list"),
        ({"namespaces": [], "next_cursor": 7}, "next cursor is 7"),
    ],
)
@pytest.mark.parametrize("walk", ["iter_namespaces", "iter_turbopuffer_namespaces"])
def test_a_page_of_another_shape_is_an_error(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, walk: str, body: Any, problem: str
) -> None:
    server.answer(Answer(json=body))
    with pytest.raises(PageError, match=problem) as caught:
        driver.collect(options, lambda client: getattr(client, walk)())
    listing = {"iter_namespaces": "listNamespaces"}.get(walk, "listTurbopufferNamespaces")
    assert caught.value.operation_id == listing
    assert str(caught.value).startswith(f"{listing}: the ")


def test_an_error_in_the_middle_ends_the_walk_after_the_items_before_it(
    options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(page("a", cursor="c1"), Answer(status=404))
    with Hevlayer(**options) as client:
        items = iter(client.iter_namespaces())
        assert next(items).name == "a"
        with pytest.raises(NotFoundError):
            next(items)
    assert len(server.requests) == 2


def test_leaving_early_asks_for_no_further_page(options: dict[str, Any], server: ScriptedServer) -> None:
    server.answer(page("a", "b", cursor="c1"))
    with Hevlayer(**options) as client:
        for item in client.iter_namespaces():
            assert item.name == "a"
            break
    assert len(server.requests) == 1
