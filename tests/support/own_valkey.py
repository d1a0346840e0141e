"""A Valkey of a test's own, which can be killed, frozen and started again at the same address."""

from __future__ import annotations

import signal
import socket
import tempfile
from pathlib import Path

import redis

from devkit.account import server_account
from devkit.processes import Reaper
from devkit.valkey import ValkeyServer


class OwnValkey:
    """One server on a port that stays. What it held is gone after `kill`, as after a crash without a snapshot."""

    def __init__(self) -> None:
        self._reaper = Reaper()
        account = server_account()
        # Not below pytest's own folder, which the account that the server runs under may not enter.
        folder = Path(tempfile.mkdtemp(prefix="holdfast-valkey-"))
        if account is not None:
            account.own(folder)
        self._reaper.remove_folder(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self._server = ValkeyServer(
            folder / "valkey", reaper=self._reaper, account=account, durable=False, port=port
        )
        self.start()
        self.url = self._server.url

    def start(self) -> None:
        """Start it, or start it again, empty."""
        self._server.start()

    def kill(self) -> None:
        """End it as a crash would. Safe to call twice."""
        self.thaw()
        if self._server.process is not None:
            self._server.process.send_signal(signal.SIGKILL)
            self._server.stop()

    def client(self) -> redis.Redis:
        """A client of the server, to look into it."""
        made: redis.Redis = redis.Redis.from_url(self.url)
        return made

    def freeze(self) -> None:
        """Let it hang: it accepts connections and answers nothing."""
        assert self._server.process is not None
        self._server.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._server.process is not None:
            self._server.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and forget it."""
        self.kill()
        self._reaper.close()
