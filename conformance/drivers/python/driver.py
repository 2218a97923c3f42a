"""Drives the Python client over the protocol of conformance/PROTOCOL.md.

`driver.py` drives `Hevlayer`, `driver.py --async` drives `AsyncHevlayer`. Methods are found by name, so
there is no code for a single operation here.
"""

from __future__ import annotations

import array
import asyncio
import base64
import json
import platform
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import hevlayer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Message = dict[str, Any]

ASYNC = "--async" in sys.argv[1:]
SAFE_INTEGER = 2**53 - 1
LACKS = {} if ASYNC else {"cancel": "a blocking call cannot be cancelled from outside"}

_output_lock = threading.Lock()


def send(message: Message) -> None:
    """Write one message; several threads may be answering at once."""
    line = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    with _output_lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def from_tagged(value: Any) -> Any:
    """A value of the protocol in Python's own terms."""
    if isinstance(value, list):
        return [from_tagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(tag, content)] = value.items()
        if tag == "$int":
            return int(content)
        if tag == "$b64":
            return base64.b64decode(content)
        if tag == "$omit":
            return hevlayer.OMIT
        if tag == "$f32":
            return array.array("f", content)
    return {key: from_tagged(item) for key, item in value.items()}


def to_tagged(value: Any) -> Any:
    """The inverse, for what a method returned: models become their wire form."""
    if isinstance(value, bool) or value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER else {"$int": str(value)}
    if isinstance(value, bytes):
        return {"$b64": base64.b64encode(value).decode()}
    if isinstance(value, list | tuple):
        return [to_tagged(item) for item in value]
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    if isinstance(value, dict):
        return {key: to_tagged(item) for key, item in value.items()}
    raise TypeError(f"the client returned a {type(value).__name__}, which has no wire form")


def snake(operation_id: str) -> str:
    """`fetchDocument` as `fetch_document`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation_id).lower()


class Clients:
    """One client for each distinct configuration."""

    def __init__(self, kind: Callable[..., Any]) -> None:
        self._kind = kind
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    def get(self, configuration: Mapping[str, Any]) -> Any:
        key = json.dumps(configuration, sort_keys=True)
        with self._lock:
            if key not in self._made:
                options = dict(configuration)
                if "timeout_ms" in options:
                    options["timeout"] = options.pop("timeout_ms") / 1000
                self._made[key] = self._kind(**options)
            return self._made[key]

    def all(self) -> list[Any]:
        return list(self._made.values())


def arguments(message: Message) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments of the method that a `call` names."""
    positional = [from_tagged(value) for value in message["path"]]
    if "body" in message:
        positional.append(from_tagged(message["body"]))
    keywords = {name: from_tagged(value) for name, value in message["query"].items()}
    options = dict(message["options"])
    if "timeout_ms" in options:
        options["timeout"] = options.pop("timeout_ms") / 1000
    keywords.update(options)
    if message.get("perf"):
        keywords["with_perf"] = True
    return positional, keywords


def method(clients: Clients, message: Message) -> Callable[..., Any]:
    """The client's method; the listing's own walk when `iterate` asks for it."""
    name = snake(message["op"])
    if message.get("iterate"):
        name = re.sub(r"^[a-z]+", "iter", name)
    found: Callable[..., Any] = getattr(clients.get(message["client"]), name)
    return found


def result(message: Message, returned: Any) -> Message:
    """The `result` for what a method returned."""
    answer: Message = {"type": "result", "id": message["id"]}
    data = returned
    if message.get("perf"):
        data, perf = returned.data, returned.perf
        answer["meta"] = {
            "status": perf.status_code,
            "headers": dict(perf.headers),
            "cache_status": perf.cache_status,
            "fallback": perf.fallback,
            "latency_ms": perf.latency_ms,
            "attempts": perf.attempts,
        }
    value = to_tagged(data)
    for field in message["lifts"]:
        value[field] = to_tagged(getattr(data, field))
    answer["value"] = value
    return answer


def error(call_id: int, caught: BaseException) -> Message:
    """The `error` for what a method raised."""
    name = type(caught).__name__
    if isinstance(caught, asyncio.CancelledError):
        neutral = "Cancelled"
    elif isinstance(caught, hevlayer.HevlayerError):
        neutral = name if name == "APIError" else name.removesuffix("Error")
    else:
        neutral = "Other"
    retry_after = getattr(caught, "retry_after", None)
    fields = {
        "status": getattr(caught, "status_code", None),
        "code": getattr(caught, "error", None),
        "message": getattr(caught, "message", str(caught)),
        "body": to_tagged(getattr(caught, "body", None)),
        "feature": getattr(caught, "feature", None),
        "reason": getattr(caught, "reason", None),
        "request_id": getattr(caught, "request_id", None),
        "retry_after_ms": None if retry_after is None else retry_after * 1000,
        "attempts": getattr(caught, "attempts", None),
        "operation_id": getattr(caught, "operation_id", None),
        "method": getattr(caught, "method", None),
        "route": getattr(caught, "route", None),
        "text": f"{caught}\n{caught!r}\n{vars(caught)!r}\n{caught.__cause__!r}",
    }
    return {"type": "error", "id": call_id, "class": neutral, "native": name, "fields": fields}


class SyncDriver:
    """Calls in threads, since a blocking call blocks."""

    def __init__(self) -> None:
        self._clients = Clients(hevlayer.Hevlayer)
        self._walks: dict[int, Any] = {}
        self._threads = ThreadPoolExecutor(max_workers=8)

    def run(self) -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if message["type"] == "bye":
                break
            if message["type"] != "cancel":
                self._threads.submit(self._answer, message)
        for client in self._clients.all():
            client.close()

    def _answer(self, message: Message) -> None:
        try:
            send(self._perform(message))
        except BaseException as caught:  # noqa: BLE001  # whatever the client raises is the answer
            send(error(message["id"], caught))

    def _perform(self, message: Message) -> Message:
        call_id = message["id"]
        if message["type"] == "close":
            self._walks.pop(call_id)
            return {"type": "result", "id": call_id, "done": True}
        if message["type"] == "next":
            try:
                item = next(self._walks[call_id])
            except StopIteration:
                return {"type": "result", "id": call_id, "done": True}
            return {"type": "result", "id": call_id, "value": to_tagged(item), "done": False}
        positional, keywords = arguments(message)
        returned = method(self._clients, message)(*positional, **keywords)
        if message.get("iterate"):
            self._walks[call_id] = iter(returned)
            return {"type": "result", "id": call_id, "iterator": True}
        return result(message, returned)


class AsyncDriver:
    """Calls as tasks; `cancel` cancels the task."""

    def __init__(self) -> None:
        self._clients = Clients(hevlayer.AsyncHevlayer)
        self._walks: dict[int, Any] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        while line := await asyncio.to_thread(sys.stdin.readline):
            message = json.loads(line)
            if message["type"] == "bye":
                break
            if message["type"] == "cancel":
                self._tasks[message["id"]].cancel()
            else:
                self._tasks[message["id"]] = asyncio.create_task(self._answer(message))
        for client in self._clients.all():
            await client.aclose()

    async def _answer(self, message: Message) -> None:
        try:
            send(await self._perform(message))
        except BaseException as caught:  # noqa: BLE001  # whatever the client raises is the answer
            send(error(message["id"], caught))

    async def _perform(self, message: Message) -> Message:
        call_id = message["id"]
        if message["type"] == "close":
            self._walks.pop(call_id)
            return {"type": "result", "id": call_id, "done": True}
        if message["type"] == "next":
            try:
                item = await anext(self._walks[call_id])
            except StopAsyncIteration:
                return {"type": "result", "id": call_id, "done": True}
            return {"type": "result", "id": call_id, "value": to_tagged(item), "done": False}
        positional, keywords = arguments(message)
        returned = method(self._clients, message)(*positional, **keywords)
        if message.get("iterate"):
            self._walks[call_id] = aiter(returned)
            return {"type": "result", "id": call_id, "iterator": True}
        return result(message, await returned)


def main() -> None:
    """Say hello and serve until `bye` or the end of input."""
    send(
        {
            "type": "hello",
            "protocol": 1,
            "driver": "python-async" if ASYNC else "python",
            "runtime": f"python {platform.python_version()}",
            "client_version": hevlayer.__version__,
            "lacks": LACKS,
        }
    )
    if ASYNC:
        asyncio.run(AsyncDriver().run())
    else:
        SyncDriver().run()
    send({"type": "bye"})


if __name__ == "__main__":
    main()
