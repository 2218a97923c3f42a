"""Walking a listing: items across pages, or page by page.

Only a missing or empty cursor ends a listing; an empty page with a cursor goes on, since a filtered page
may be empty in the middle. A cursor that comes twice would loop for ever and is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._errors import PageError
from ._omit import OMIT, Omit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

P = TypeVar("P")
I = TypeVar("I")  # noqa: E741  # reads as item beside P for page


class _Cursors(Generic[P, I]):
    """What sync and async walking share: reading a page, and refusing a cursor seen before."""

    def __init__(
        self, operation_id: str, items: Callable[[P], Any], next_cursor: Callable[[P], Any], start: str | Omit
    ) -> None:
        self._operation_id = operation_id
        self._items = items
        self._next_cursor = next_cursor
        self._seen = set() if start is OMIT else {start}

    def items(self, page: P) -> list[I]:
        try:
            items = self._items(page)
        except (AttributeError, KeyError, TypeError) as error:
            raise self._error(f"the page has no items: {error}") from error
        if not isinstance(items, list):
            raise self._error(f"the items are {type(items).__name__}, not a list")
        return items

    def following(self, page: P) -> str | None:
        try:
            cursor = self._next_cursor(page)
        except (AttributeError, KeyError, TypeError):
            return None
        if cursor is None or cursor == "":
            return None
        if not isinstance(cursor, str):
            raise self._error(f"the next cursor is {cursor!r}, not a string")
        if cursor in self._seen:
            raise self._error(f"the listing gave the cursor {cursor!r} twice")
        self._seen.add(cursor)
        return cursor

    def _error(self, problem: str) -> PageError:
        error = PageError(f"{self._operation_id}: {problem}")
        error.operation_id = self._operation_id
        return error


class Pages(Generic[P, I]):
    """A listing to iterate: `for item in pages`, or whole pages with `for page in pages.by_page()`.

    Each iteration starts at the first page. Nothing is requested before the first item is asked for.
    """

    def __init__(
        self,
        fetch: Callable[[str | Omit], P],
        *,
        operation_id: str,
        items: Callable[[P], Any],
        next_cursor: Callable[[P], Any],
        start: str | Omit = OMIT,
    ) -> None:
        self._fetch = fetch
        self._read = (operation_id, items, next_cursor, start)
        self._start = start

    def __iter__(self) -> Iterator[I]:
        cursors: _Cursors[P, I] = _Cursors(*self._read)
        for page in self._walk(cursors):
            yield from cursors.items(page)

    def by_page(self) -> Iterator[P]:
        """Whole pages, with whatever stands in them beside the items."""
        return self._walk(_Cursors(*self._read))

    def _walk(self, cursors: _Cursors[P, I]) -> Iterator[P]:
        cursor: str | Omit | None = self._start
        while cursor is not None:
            page = self._fetch(cursor)
            # Read before the page is handed out, so that a page cannot be changed from under the walk.
            cursor = cursors.following(page)
            yield page


class AsyncPages(Generic[P, I]):
    """As `Pages`, with `async for`."""

    def __init__(
        self,
        fetch: Callable[[str | Omit], Awaitable[P]],
        *,
        operation_id: str,
        items: Callable[[P], Any],
        next_cursor: Callable[[P], Any],
        start: str | Omit = OMIT,
    ) -> None:
        self._fetch = fetch
        self._read = (operation_id, items, next_cursor, start)
        self._start = start

    async def __aiter__(self) -> AsyncIterator[I]:
        cursors: _Cursors[P, I] = _Cursors(*self._read)
        async for page in self._walk(cursors):
            for item in cursors.items(page):
                yield item

    def by_page(self) -> AsyncIterator[P]:
        """Whole pages, with whatever stands in them beside the items."""
        return self._walk(_Cursors(*self._read))

    async def _walk(self, cursors: _Cursors[P, I]) -> AsyncIterator[P]:
        cursor: str | Omit | None = self._start
        while cursor is not None:
            page = await self._fetch(cursor)
            cursor = cursors.following(page)
            yield page
