"""What a program's request costs before and after its view: CPU time of the server, and requests a second over HTTP.

    python benchmarks/door.py [--seconds 4] [--accounts 1000] [--clients 8] [--workers 4] [--requests 2000]

Two views that find out who asks, count the request and answer one number: behind the wire's gate and behind DRF. First called
in this process, without a network, with a few keys; then over loopback against gunicorn as docker-compose starts it, with the
CPU seconds of each kind of process, the load itself among them.
"""

# ruff: noqa: INP001, T201, E402 - a script that prints, and finds its own modules first
from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "script" / "lib")]

from benchmarks.counter.site import Servers
from benchmarks.orders import Load, told

#: Keys of the part without a network; requests after which the REST client's limit is forgotten.
KEYS = 20
FORGET = 400
_TICKS = os.sysconf("SC_CLK_TCK")


class Caller:
    """Calls the site as a WSGI server does."""

    def __init__(self, application: Callable[..., Any], path: str, headers: Sequence[dict[str, str]]) -> None:
        self._application = application
        self._headers = headers
        self._environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1",
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
        }

    def __call__(self, number: int) -> None:
        """One request, and its answer to the last byte."""
        started: list[str] = []
        environ = {**self._environ, **self._headers[number % len(self._headers)], "wsgi.input": io.BytesIO()}
        answer = self._application(environ, lambda status, _headers: started.append(status))
        body = b"".join(answer)
        answer.close()
        if started != ["200 OK"]:
            raise SystemExit(f"{self._environ['PATH_INFO']}: {started} {body!r}")


@contextmanager
def counted_trips() -> Iterator[list[int]]:
    """Count the round trips to Valkey of this process: what is sent, however many commands it holds."""
    from redis.connection import AbstractConnection

    found = [0]
    sent: Any = AbstractConnection.send_packed_command

    def send(self: Any, *given: Any, **options: Any) -> Any:
        found[0] += 1
        return sent(self, *given, **options)

    AbstractConnection.send_packed_command = send  # type: ignore[method-assign]
    try:
        yield found
    finally:
        AbstractConnection.send_packed_command = sent  # type: ignore[method-assign]


def inside(name: str, call: Caller, requests: int) -> None:
    """Print what one request costs this process."""
    from django.core.cache import cache
    from django.db import connection

    asked = []

    def count(execute: Any, sql: str, *given: Any) -> Any:
        asked.append(sql)
        return execute(sql, *given)

    for number in range(2 * KEYS):
        call(number)
    with counted_trips() as trips, connection.execute_wrapper(count):
        call(0)
    spent = []
    for start in range(0, requests, FORGET):
        cache.clear()
        began = time.process_time()
        for number in range(start, start + FORGET):
            call(number)
        spent.append((time.process_time() - began) / FORGET * 1000)
    spent.sort()
    print(
        f"{name:<28} CPU {spent[len(spent) // 2]:.2f} ms (least {spent[0]:.2f}), "
        f"{len(asked)} statements, {trips[0]} trips to Valkey",
        flush=True,
    )


def spent_by(servers: Servers, load: Load) -> dict[str, float]:
    """CPU seconds so far of what serves and of what loads, by kind of process."""
    kinds: dict[int, str] = {}
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        pid = int(entry.name)
        parents[pid] = int(fields[1])
        # Those of children that have ended count as well: a worker may be replaced meanwhile.
        seconds[pid] = sum(map(int, fields[11:15])) / _TICKS
        if "gunicorn" in command and str(servers.http_port) in command:
            kinds[pid] = "gunicorn"
        elif "postgres" in command:
            kinds[pid] = "postgres"
        elif "valkey" in command:
            kinds[pid] = "valkey"
    ours = {os.getpid()}
    while young := {pid for pid, parent in parents.items() if parent in ours and pid not in ours}:
        ours |= young
    found = {"load": seconds[load.pid]}
    for pid, kind in kinds.items():
        if pid in ours:
            found[kind] = found.get(kind, 0.0) + seconds[pid]
    return found


def over_http(name: str, servers: Servers, load: Load, job: dict[str, Any]) -> None:
    """Print requests a second, and whose CPU time they took."""
    before = spent_by(servers, load)
    found = load(**job)
    told(name, found)
    count = len(found["times"])
    parts = [
        f"{kind} {(seconds - before.get(kind, 0.0)) / count * 1000:.2f}"
        for kind, seconds in sorted(spent_by(servers, load).items())
    ]
    print(f"{'':<28} CPU ms a request: {', '.join(parts)}", flush=True)


def main() -> None:
    """Run both parts and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--skip-http", action="store_true")
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
    with Servers(workers=options.workers) as servers:
        # As for gunicorn: where its log goes is measured with it.
        log = (servers.folder / "site" / "here.log").open("w")
        sys.stderr = log
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", interactive=False, verbosity=0)
        logging.getLogger("django").setLevel(logging.ERROR)
        from accounts.operations import create_token
        from benchmarks.counter import seed
        from benchmarks.counter.door import application
        from portfolio_site.kernel import clock

        now = clock.now()
        people = seed.traders(options.accounts, margin=1, now=now)
        token = create_token(user=people[0].user, name="Load", now=now).key
        pairs = [
            {"HTTP_APCA_API_KEY_ID": one.key[0], "HTTP_APCA_API_SECRET_KEY": one.key[1]}
            for one in people[:KEYS]
        ]
        inside("wire", Caller(application, "/alpaca/v2/benchmark/door", pairs), options.requests)
        bearer = [{"HTTP_AUTHORIZATION": f"Token {token}"}]
        inside("REST", Caller(application, "/api/v1/benchmark/floor/", bearer), options.requests)
        if options.skip_http:
            return
        load = Load()
        try:
            servers.serve()
            job = {
                "do": "run", "kind": "door", "port": servers.http_port, "symbols": [""], "clients": options.clients,
                "keys": [one.key for one in people], "seconds": options.seconds,
            }  # fmt: skip
            load(**{**job, "seconds": 1})
            over_http("key only, each key's first", servers, load, job)
            over_http("key only", servers, load, job)
            over_http("key only, one key", servers, load, {**job, "keys": job["keys"][:1]})
        finally:
            load.close()
            sys.stderr = sys.__stderr__
            log.close()
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
