"""The ground floor: messages after a commit that nobody waits for.

`PUBLISH` by the client library costs a round trip and a good deal of Python, twice for each order. Here it is written to a
connection of its own, and its answer (how many heard it) is read when the next message is sent.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Self

import redis
from django.conf import settings

from portfolio_site.kernel.valkey import client, own_connection

_RECEIVE = 4096
#: A server that has said nothing for so long is asked whether it is there, and taken to be gone after so long.
ASK_SECONDS, GONE_SECONDS = 10.0, 15.0
#: Who listened so long ago is taken to listen still. When messages come more seldom than that, there is time to ask.
BELIEVED_SECONDS = 0.1


class Whisperer:
    """One connection for messages; for all threads of a process, each process after a fork with one of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._pid, self._location = 0, ""
        self._link: Any = None
        self._socket: socket.socket | None = None
        self._come = select.poll()
        self._asked: deque[tuple[str, float]] = deque()
        self._rest = b""
        self._heard: dict[str, tuple[int, float]] = {}

    def whisper(self, channel: str, message: str | int) -> None:
        """Send a message. One that is on its way when the server goes away is lost. Raises one of `UNREACHABLE`."""
        self.whisper_all([(channel, str(message).encode())])

    def whisper_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Like `whisper` for many messages, in their order, at once."""
        with self._lock:
            try:
                if (self._pid, self._location) != (
                    os.getpid(),
                    settings.REDIS_LOCATION,
                ) or not self._listen():
                    self._connect()
                if self._socket is None:
                    with client().pipeline(transaction=False) as pipeline:
                        for channel, message in messages:
                            pipeline.publish(channel, message)
                        pipeline.execute()
                    return
                self._socket.sendall(b"".join(_publication(*each) for each in messages))
                now = time.monotonic()
                self._asked.extend((channel, now) for channel, _ in messages)
            except BaseException:
                self._close()
                raise

    def tell(self, channel: str, message: str | int) -> int:
        """Send a message and return how many heard it. Where somebody did a moment ago, nobody waits for the answer: the number
        is that of then. Raises one of `UNREACHABLE`."""
        heard, at = self._heard.get(channel, (0, 0.0))
        if heard and time.monotonic() - at < BELIEVED_SECONDS:
            self.whisper(channel, message)
            return heard
        found = int(client().publish(channel, message))
        self._heard[channel] = found, time.monotonic()
        return found

    def forget(self) -> None:
        """Begin anew, as in a new process."""
        with self._lock:
            self._close()

    def _connect(self) -> None:
        self._close()
        link: Any = own_connection()
        link.connect()
        self._link, self._pid, self._location = link, os.getpid(), settings.REDIS_LOCATION
        plain = link._sock  # there is no other way to it
        # What is encrypted cannot be looked at without waiting: there the usual way is taken.
        self._socket = None if isinstance(plain, ssl.SSLSocket) else plain
        self._come.register(plain, select.POLLIN)

    def _close(self) -> None:
        # A connection made before a fork is the parent's: its end here must not be the end there.
        if self._link is not None and self._pid == os.getpid():
            self._link.disconnect()
        self._forget()

    def _listen(self) -> bool:
        """Take in the answers that have come; False when the connection is gone."""
        if self._socket is None:
            return True
        # Also when nothing is owed: a server that went away has said so here. It is asked whether there is something before
        # anything is read: a socket with a time limit waits that long for what has not come, whatever its flags say.
        while self._come.poll(0):
            try:
                found = self._socket.recv(_RECEIVE)
            except OSError:
                return False
            if not found:
                return False
            *lines, self._rest = (self._rest + found).split(b"\r\n")
            for line in lines:
                if not line.startswith(b":") or not self._asked:
                    return False
                channel, at = self._asked.popleft()
                self._heard[channel] = int(line[1:]), at
        return True


class Ear:
    """Hears that something was said on a channel, not what: however much it was, it is taken in at once."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._link: Any = own_connection()
        self._heard_at = time.monotonic()
        self._is_asked = False

    def __enter__(self) -> Self:
        """Listen from now on. Raises one of `UNREACHABLE`."""
        self._link.connect()
        self._link.send_command("SUBSCRIBE", self._channel)
        self._heard_at = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._link.disconnect()

    def wait(self, seconds: float) -> bool:
        """Whether something was said, waiting for it so long. The first time it is true without that: what was said before has
        to be looked for. Raises one of `UNREACHABLE` when the server is gone, also when it only stays silent."""
        plain: socket.socket = self._link._sock  # there is no other way to it
        plain.settimeout(seconds)
        try:
            found = plain.recv(_RECEIVE)
        except TimeoutError:
            silent = time.monotonic() - self._heard_at
            if silent >= GONE_SECONDS:
                raise
            if silent >= ASK_SECONDS and not self._is_asked:
                self._is_asked = True
                plain.sendall(b"*1\r\n$4\r\nPING\r\n")
            return False
        if not found:
            raise redis.ConnectionError("the server closed the connection")
        self._heard_at, self._is_asked = time.monotonic(), False
        return True


def _publication(channel: str, content: bytes) -> bytes:
    name = channel.encode()
    return b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(name), name, len(content), content)


_whisperer = Whisperer()


#: Those of this process's own.
whisper, whisper_all, tell = _whisperer.whisper, _whisperer.whisper_all, _whisperer.tell


def forget_listeners() -> None:
    """Let this process find out anew who listens."""
    _whisperer.forget()
