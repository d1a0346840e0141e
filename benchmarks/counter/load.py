"""The load on the counter, in a process of its own without Django: requests over HTTP, and sockets that listen.

Reads one JSON object per line from standard input and answers each with one. Times are seconds since the epoch.
"""

from __future__ import annotations

import itertools
import json
import random
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


class Connection:
    """One HTTP connection on loopback; opened anew where the server closes it after an answer."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket: socket.socket | None = None

    def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body of the answer."""
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
        while len(body) < length:
            body += self._more()
        if b"connection: close" in lines:
            self.socket.close()
            self.socket = None
        return int(head.split(b" ", 2)[1]), body

    def _more(self) -> bytes:
        assert self.socket is not None
        found = self.socket.recv(65536)
        if not found:
            raise ConnectionError("the server hung up in the middle of an answer")
        return found


def order_request(key: Sequence[str], symbol: str) -> bytes:
    """A market order for one unit, with an id of its own."""
    body = json.dumps(
        {
            "symbol": symbol,
            "qty": "1",
            "side": "buy",
            "type": "market",
            "time_in_force": "day",
            "client_order_id": str(uuid.uuid4()),
        }
    ).encode()
    return _request("POST", "/alpaca/v2/orders", key, body)


def door_request(key: Sequence[str], _symbol: str) -> bytes:
    """A request that is answered as soon as it is known who asks."""
    return _request("GET", "/alpaca/v2/benchmark/door", key, b"")


def _request(method: str, path: str, key: Sequence[str], body: bytes) -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAPCA-API-KEY-ID: {key[0]}\r\n"
        f"APCA-API-SECRET-KEY: {key[1]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


KINDS: dict[str, Callable[[Sequence[str], str], bytes]] = {"orders": order_request, "door": door_request}


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Carry out a job: ``clients`` threads for ``seconds``, as fast as answers come or at ``rate`` a second.

    Where there is a rate, an answer's time counts from when its request was due, not from when it could be sent.
    """
    keys, symbols = job["keys"], job["symbols"]
    make = KINDS[job["kind"]]
    rate = job.get("rate")
    chance = random.Random(7)  # noqa: S311 - a benchmark's load, the same every time
    order = list(range(len(keys)))
    chance.shuffle(order)
    turns: Iterator[int] = itertools.count()
    lock = threading.Lock()
    times: list[float] = []
    faults: list[str] = []
    answers: list[tuple[str, float]] = []
    began = time.time() + 0.05
    over = began + job["seconds"]

    def client() -> None:
        connection = Connection(job["port"])
        while True:
            with lock:
                turn = next(turns)
            due = began + turn / rate if rate else time.time()
            if due >= over or time.time() > over + job["seconds"]:
                return  # a server that cannot keep the pace is not waited for
            time.sleep(max(0.0, due - time.time()))
            request = make(keys[order[turn % len(order)]], symbols[turn % len(symbols)])
            start = due if rate else time.time()
            status, body = connection.exchange(request)
            end = time.time()
            fault = "" if status == 200 else f"{status} {body[:200]!r}"
            if not fault and job["kind"] == "orders":
                answer = json.loads(body)
                fault = "" if answer["status"] == "filled" else f"order is {answer['status']}"
                with lock:
                    answers.append((answer["id"], end))
            with lock:
                times.append(end - start)
                if fault:
                    faults.append(fault)

    threads = [threading.Thread(target=client) for _ in range(job["clients"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.time() - began
    return {"times": times, "took": took, "faults": len(faults), "fault": faults[:1], "answers": answers}


class Ears:
    """Sockets that listen: browsers by cookie, programs by key. ``heard`` has when each was told of which order's fill."""

    def __init__(self) -> None:
        self.heard: dict[str, dict[str, float]] = {"browser": {}, "program": {}}

    def listen(self, job: dict[str, Any]) -> dict[str, Any]:
        """Open the sockets; returns when all of them are ready."""
        ready = [threading.Event() for _ in (*job["cookies"], *job["keys"])]
        starts: list[tuple[Callable[..., None], Any]] = [
            *((self._browser, cookie) for cookie in job["cookies"]),
            *((self._program, key) for key in job["keys"]),
        ]
        for (target, who), signal in zip(starts, ready, strict=True):
            threading.Thread(target=_until_over, args=(target, job["port"], who, signal), daemon=True).start()
        return {"ready": sum(signal.wait(20) for signal in ready)}

    def _browser(self, port: int, cookie: str, ready: threading.Event) -> None:
        headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{port}"}
        with connect(f"ws://127.0.0.1:{port}/ws/", additional_headers=headers) as opened:
            opened.send(json.dumps({"action": "hello", "last_event_id": None}))
            for text in opened:
                frame = json.loads(text)
                if frame["type"] == "ready":
                    ready.set()
                elif frame["type"] == "event" and frame["kind"] == "order.filled":
                    self.heard["browser"][frame["url"].strip("/").split("/")[-1]] = time.time()

    def _program(self, port: int, key: Sequence[str], ready: threading.Event) -> None:
        with connect(f"ws://127.0.0.1:{port}/alpaca/stream") as opened:
            opened.send(json.dumps({"action": "auth", "key": key[0], "secret": key[1]}))
            opened.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
            for text in opened:
                frame = json.loads(text)
                if frame["stream"] == "listening":
                    ready.set()
                elif frame["stream"] == "trade_updates" and frame["data"]["event"] == "fill":
                    self.heard["program"][frame["data"]["order"]["id"]] = time.time()


def _until_over(target: Callable[..., None], *given: Any) -> None:
    """Listen until the server goes away at the end."""
    with suppress(ConnectionClosed):
        target(*given)


def main() -> None:
    """Do the jobs that come in, one after the other."""
    ears = Ears()
    for line in sys.stdin:
        job = json.loads(line)
        match job["do"]:
            case "run":
                answer = run(job)
            case "listen":
                answer = ears.listen(job)
            case _:
                answer = {"heard": ears.heard}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
