"""An HTTP server that plays a script and records what it was sent.

Plain sockets rather than http.server, because the faults of interest (a reset before the answer, a body cut
short, a stall in the middle) are what a well-behaved server library prevents.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Recorded:
    """One request as it came over the wire."""

    method: str
    target: str
    """Path and query, still encoded."""
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One scripted answer."""

    status: int = 200
    json: Any = None
    raw: bytes | None = None
    """Body bytes, instead of `json`."""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before the first byte."""
    reset: bool = False
    """Drop the connection with a reset, after reading the request."""
    send_bytes: int | None = None
    """Send only so much of the body."""
    stall: float = 0.0
    """With `send_bytes`: seconds to hold the connection open after that, instead of closing it."""
    drip: float = 0.0
    """Seconds between the bytes of the body."""
    drip_head: float = 0.0
    """Seconds between the bytes of the status line and the headers."""


class ScriptedServer:
    """Answers with the queued answers in order, and with the last one for ever after."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.arrived = threading.Event()
        """Set by the first request."""
        self.hung_up = threading.Event()
        """Set when a client closes its side while an answer stalls."""
        self._answers: list[Answer] = [Answer(json={})]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def answer(self, *answers: Answer) -> None:
        with self._lock:
            self._answers = list(answers)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        # Closing a listener does not wake accept on Linux; a connection does.
        with socket.create_connection(self._listener.getsockname()):
            pass
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()

    def _start(self, work: Any, *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopping.is_set():
                connection.close()
                return
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(0.05)
        with connection:
            reader = _Reader(connection, self._stopping)
            while (recorded := reader.read_request()) is not None:
                with self._lock:
                    self.requests.append(recorded)
                    self.arrived.set()
                    answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if not self._play(connection, answer):
                    return

    def _play(self, connection: socket.socket, answer: Answer) -> bool:
        """Send one answer; False when the connection must end."""
        if not self._hold(connection, answer.delay):
            return False
        if answer.reset:
            # Lingering for zero seconds turns close into a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        body = answer.raw if answer.raw is not None else json.dumps(answer.json).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), **answer.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        sent = body if answer.send_bytes is None else body[: answer.send_bytes]
        start = f"HTTP/1.1 {answer.status} Scripted\r\n{head}\r\n".encode()
        if not self._send(connection, start, answer.drip_head):
            return False
        if not self._send(connection, sent, answer.drip):
            return False
        if answer.send_bytes is not None:
            self._hold(connection, answer.stall)
            return False
        return True

    def _send(self, connection: socket.socket, data: bytes, drip: float) -> bool:
        """Send at once, or byte by byte with pauses of `drip` seconds; False when the client is gone."""
        try:
            for piece in [bytes([byte]) for byte in data] if drip else [data]:
                connection.sendall(piece)
                if not self._hold(connection, drip):
                    return False
        except OSError:
            return False
        return True

    def _hold(self, connection: socket.socket, seconds: float) -> bool:
        """Wait; False when the client hangs up or the server stops meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._stopping.is_set():
                return False
            try:
                if connection.recv(1, socket.MSG_PEEK) == b"":
                    self.hung_up.set()
                    return False
            except TimeoutError:
                continue
            except OSError:
                self.hung_up.set()
                return False
        return True


class _Reader:
    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        self._connection = connection
        self._stopping = stopping
        self._buffer = b""

    def read_request(self) -> Recorded | None:
        while b"\r\n\r\n" not in self._buffer:
            if not self._fill():
                return None
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {}
        for line in lines:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            if not self._fill():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Recorded(method, target, headers, body)

    def _fill(self) -> bool:
        while not self._stopping.is_set():
            try:
                data = self._connection.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return False
            self._buffer += data
            return data != b""
        return False
