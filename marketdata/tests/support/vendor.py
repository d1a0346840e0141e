"""A vendor on this machine: an HTTP server that gives the answers a test has written down, faults included.

The adapters ask it through their real clients; nothing of them is replaced.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest


@dataclass(frozen=True)
class Asked:
    """A question that came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer. `body`: text, bytes, or anything else as JSON."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Announce this many bytes more than are sent, then hang up.
    missing: int = 0
    #: Say nothing at all until the server is closed.
    hangs: bool = False
    #: Send a byte now and then, for ever.
    drips: bool = False

    def content(self) -> bytes:
        """The body as it goes over the wire."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


Answers = Reply | Callable[[Asked], Reply] | list[Any]


class Vendor:
    """The server: `on(path, answer)` says what comes back for a path (and what is below it). Of a list each question
    gets the next one, the last one stays. What nobody has written down is a 404 with a web page."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[str, Answers] = {}
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def on(self, path: str, answer: Any, **reply: Any) -> None:
        """Answer questions to `path`: a `Reply`, a function of the question, a list of them in turn, or a body."""
        is_answer = isinstance(answer, Reply) or callable(answer)
        is_turns = (
            isinstance(answer, list)
            and answer
            and all(isinstance(one, Reply) or callable(one) for one in answer)
        )
        self._answers[path] = answer if is_answer or is_turns else Reply(answer, **reply)

    @property
    def keeps_waiting(self) -> bool:
        """Whether some question gets no answer, or no end of one."""
        return any(
            isinstance(one, Reply) and (one.hangs or one.drips)
            for answers in self._answers.values()
            for one in (answers if isinstance(answers, list) else [answers])
        )

    def asked_for(self, path: str) -> list[Asked]:
        """The questions that came to a path and below it, in order."""
        return [one for one in self.asked if one.path.startswith(path)]

    def close(self) -> None:
        """Stop, and let go of who still waits."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _reply_to(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            paths = [path for path in self._answers if asked.path.startswith(path)]
            if not paths:
                return Reply("<html>Not here</html>", status=404, headers={"Content-Type": "text/html"})
            answer = self._answers[max(paths, key=len)]
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer(asked) if callable(answer) else answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self._answer()

            def _answer(self) -> None:
                parts = urlsplit(self.path)
                query = {
                    name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()
                }
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, unquote(parts.path), query, headers)
                reply = vendor._reply_to(asked)
                if reply.hangs:
                    vendor._closed.wait(30)
                    self.close_connection = True
                    return
                content = reply.content()
                self.send_response_only(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                length = 10**6 if reply.drips else len(content) + reply.missing
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(content)
                while reply.drips and not vendor._closed.wait(0.05):
                    try:
                        self.wfile.write(b" ")
                    except OSError:
                        break
                if reply.missing or reply.drips:
                    self.close_connection = True

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        return Handler


@pytest.fixture
def vendor() -> Any:
    """A vendor for one test."""
    server = Vendor()
    yield server
    server.close()


#: The ways in which a vendor fails as a whole, by name: what every adapter has to survive.
FAULTS: dict[str, Reply] = {
    "429": Reply("Too Many Requests\r\n", status=429, headers={"Content-Type": "text/html"}),
    "429 with Retry-After": Reply("Too Many Requests", status=429, headers={"Retry-After": "53"}),
    "429 with a date": Reply(
        "Too Many Requests",
        status=429,
        headers={
            "Retry-After": "Fri, 20 Nov 2026 15:02:00 GMT",
            "Date": "Fri, 20 Nov 2026 15:00:00 GMT",
        },
    ),
    "401": Reply({"error": "Unauthorized"}, status=401),
    "404 web page": Reply("<html>Not here</html>", status=404, headers={"Content-Type": "text/html"}),
    "500": Reply("<html>Internal Server Error</html>", status=500, headers={"Content-Type": "text/html"}),
    "503 with Retry-After": Reply("later", status=503, headers={"Retry-After": "7"}),
    "web page": Reply(
        "<!DOCTYPE html><html>Log in to the hotel's network</html>", headers={"Content-Type": "text/html"}
    ),
    "nothing": Reply(""),
    "another shape": Reply(["what", "is", "this"]),
    "a number": Reply("42"),
    "deeply nested": Reply("[" * 100_000),
    "not UTF-8": Reply(b"\xff\xfe\x00{"),
    "cut off": Reply('{"quoteResponse": {"result": [{"symbol": "AA'),
    "cut off by the line": Reply('{"quoteResponse": {"result"', missing=5000),
    "hangs": Reply(hangs=True),
    "drips": Reply("{", drips=True),
}
