"""The whole site on this machine, started and ended by one command.

Order: Python packages, Pango, PostgreSQL and Valkey (unless DATABASE_URL / REDIS_URL name others), database,
demo data, static files, then daphne, a Celery worker, the process that delivers events and beat under one supervisor.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

from devkit.bootstrap import ensure_venv
from devkit.console import ScriptError, say
from devkit.embedded import EmbeddedServices
from devkit.manage import forget_running, note_running
from devkit.paths import LOCAL, ROOT, ensure_local, kept_secret, read_dotenv
from devkit.prepare import LOGINS, is_prepared, note_prepared
from devkit.processes import Reaper, end, spawn
from devkit.supervisor import Program, Supervisor
from devkit.system import ensure_pango

OPEN_FILES = 16_384
WORKER_PROCESSES = 3
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def main(arguments: list[str]) -> int:
    """Start the site; return when it has been stopped."""
    if arguments:
        say("script/server takes no arguments; HOST and PORT are read from the environment")
        return 2
    os.environ.setdefault("HOLDFAST_STARTED", str(time.time()))
    try:
        host, port = listen_address(os.environ)
        with only_one(host, port):
            refuse_port_in_use(host, port)
            python = ensure_venv("requirements.txt")
            if Path(sys.prefix) != python.parent.parent:
                # From here on the packages are needed: go on as the virtual environment's own Python.
                os.execv(  # noqa: S606 - our own interpreter
                    python, [str(python), "-m", "devkit.server"]
                )
            return serve(host, port)
    except ScriptError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def serve(host: str, port: int) -> int:
    """Start the services and the site's processes, and stay until they are to end."""
    ensure_pango()
    raise_open_files()
    environ = site_environment(host, port)
    reaper = Reaper()
    services = EmbeddedServices(environ, reaper)
    supervisor = Supervisor(programs(host, port), environ, ROOT, reaper, backing_failure=services.dead)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, supervisor.request_stop)
    try:
        services.start()
        note_running(environ)
        prepared = prepare(environ, reaper, services, supervisor)
        if supervisor.stopping() or not prepared:
            return 0 if supervisor.stopping() else 1
        if wants_brokers(environ):
            supervisor.programs.append(broker_program())
        refuse_port_in_use(host, port)
        return supervisor.run(on_ready=lambda: announce(host, port), is_ready=lambda: answers(host, port))
    finally:
        forget_running()
        services.stop()
        reaper.close()
        if supervisor.stopping():
            say("stopped")


def prepare(
    environ: MutableMapping[str, str], reaper: Reaper, services: EmbeddedServices, supervisor: Supervisor
) -> bool:
    """Run the preparation in a process of its own, which a stop request ends as well."""
    folder = services.database_folder
    if folder is not None and is_prepared(folder, environ):
        print((folder / LOGINS).read_text().rstrip() if (folder / LOGINS).exists() else "", flush=True)
        return True
    command = [sys.executable, "-m", "devkit.prepare"]
    if folder is not None:
        # Demo data goes only into the database that is ours.
        command += ["--demo", str(folder)]
    env = {**environ, "PYTHONPATH": str(ROOT / "script" / "lib")}
    process = spawn(command, reaper=reaper, env=env, cwd=ROOT)
    while process.poll() is None and not supervisor.stopping():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.2)
    status = end(process, signal.SIGTERM, patience=5)
    reaper.forget(process.pid)
    if status == 0 and folder is not None:
        note_prepared(folder, environ)
    return status == 0


def programs(host: str, port: int) -> list[Program]:
    """Return the processes of the site."""
    # Celery's eight lines on being root are about production; there the image runs as an ordinary user.
    quiet = ["-W", "ignore:You're running the worker with superuser privileges"]
    celery = [sys.executable, *quiet, "-m", "celery", "-A", "portfolio_site"]
    # Prices tick every second; a newcomer's terminal is spared the three lines each tick would print.
    quiet_log = {} if os.environ.get("LOG_LEVEL") else {"LOG_LEVEL": "WARNING"}
    level = f"--loglevel={os.environ.get('LOG_LEVEL', 'WARNING')}"
    beat = LOCAL / "beat"
    beat.mkdir(mode=0o700, exist_ok=True)
    stream = [
        Program(
            "stream",
            [sys.executable, "manage.py", "stream_quotes"],
            env=quiet_log,
            after_ready=True,
        )
    ]
    return [
        Program(
            "web",
            [
                sys.executable, "-m", "daphne", "-b", host, "-p", str(port), "--no-server-name",
                "--access-log", os.devnull, "portfolio_site.asgi:application",
            ],
        ),
        Program(
            "worker",
            [
                *celery, "worker", "-Q", "events,default", f"--concurrency={WORKER_PROCESSES}", level,
                "--without-gossip", "--without-mingle",
            ],
            env=quiet_log,
            after_ready=True,
        ),
        # Sockets hear of an order the moment it is committed. Without this, a worker would do it when it has time.
        Program(
            "events",
            [sys.executable, "manage.py", "deliver_events"],
            env=quiet_log,
            after_ready=True,
        ),
        Program(
            "beat",
            [*celery, "beat", level, "--schedule", str(beat / "schedule"), "--pidfile="],
            env=quiet_log,
            after_ready=True,
        ),
        # The simulated market needs no stream; where real prices do, it costs a process.
        *(stream if wants_stream(os.environ) else []),
    ]  # fmt: skip


def broker_program() -> Program:
    """Return the process that follows accounts at brokers."""
    quiet_log = {} if os.environ.get("LOG_LEVEL") else {"LOG_LEVEL": "WARNING"}
    return Program(
        "brokers", [sys.executable, "manage.py", "follow_brokers"], env=quiet_log, after_ready=True
    )


def wants_brokers(environ: Mapping[str, str]) -> bool:
    """Whether an account is connected to a broker: without one the process would only cost memory."""
    import psycopg

    with psycopg.connect(environ["DATABASE_URL"], connect_timeout=10) as database:
        known = database.execute("SELECT to_regclass('trading_brokerconnection') IS NOT NULL").fetchone()
        if not (known and known[0]):
            return False
        row = database.execute(
            "SELECT EXISTS (SELECT 1 FROM trading_tradingaccount a JOIN trading_brokerconnection c"
            " ON c.id = a.broker_connection_id WHERE c.state <> 'disconnected')"
        ).fetchone()
    return bool(row and row[0])


def wants_stream(environ: Mapping[str, str]) -> bool:
    """Whether a live stream of quotes is asked for (`STREAM_QUOTES`)."""
    return environ.get("STREAM_QUOTES", "").strip().lower() in {"1", "true", "yes", "on"}


def site_environment(host: str, port: int) -> dict[str, str]:
    """Return the environment of the site's processes: this one's, with what a quick start needs filled in."""
    environ = dict(os.environ)
    for name in ("PYTHONPATH", "HOLDFAST_STARTED", "HOLDFAST_LOCK"):
        environ.pop(name, None)
    read_dotenv(environ)
    environ.setdefault("DJANGO_SETTINGS_MODULE", "portfolio_site.settings.dev")
    if not environ.get("SECRET_KEY"):
        environ["SECRET_KEY"] = kept_secret("secret_key", size=48)
    if not environ.get("MEDIA_ROOT"):
        private = LOCAL / "private"
        private.mkdir(mode=0o700, exist_ok=True)
        environ["MEDIA_ROOT"] = str(private)
    if not environ.get("SITE_URL"):
        environ["SITE_URL"] = site_url(host, port)
    if not environ.get("ALLOWED_HOSTS"):
        environ["ALLOWED_HOSTS"] = ",".join(sorted({"127.0.0.1", "localhost", "[::1]", *named_hosts(host)}))
    environ["PYTHONUNBUFFERED"] = "1"
    return environ


def named_hosts(host: str) -> set[str]:
    """Return the names under which the site may be asked for, beyond loopback."""
    if host in LOOPBACK:
        return set()
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - the person asked for it
        return {socket.gethostname(), socket.getfqdn()}
    return {f"[{host}]" if ":" in host else host}


def listen_address(environ: MutableMapping[str, str]) -> tuple[str, int]:
    """Read HOST and PORT."""
    host = environ.get("HOST") or "127.0.0.1"
    text = environ.get("PORT") or "8000"
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ScriptError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return host, int(text)


def site_url(host: str, port: int) -> str:
    """Return the address to open in a browser."""
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def refuse_port_in_use(host: str, port: int) -> None:
    """Raise the sentence that helps when the port is taken, before any slow work is done."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ScriptError(f"HOST={host} is not an address of this machine.") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ScriptError(
                    f"Port {port} is in use by another program. Stop that program, or choose another port: "
                    f"PORT={port + 1} script/server"
                ) from error
            if error.errno == errno.EACCES:
                raise ScriptError(f"This user may not open port {port}; choose one above 1023.") from error
            raise ScriptError(f"The site cannot listen on {host}:{port}: {error.strerror}.") from error


@contextlib.contextmanager
def only_one(host: str, port: int) -> Iterator[None]:
    """Let one site at a time run from this checkout: two would share one database folder."""
    path = ensure_local() / "server.lock"
    # The lock is on the open file, which lives on across the exec into the virtual environment's Python.
    inherited = os.environ.get("HOLDFAST_LOCK")
    if inherited and inherited.isdigit():
        lock = int(inherited)
        os.set_inheritable(lock, False)
        del os.environ["HOLDFAST_LOCK"]
    else:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            other = os.read(lock, 200).decode(errors="replace").strip() or "unknown"
            raise ScriptError(f"The site already runs from this checkout: {other}.") from None
        if Path(sys.prefix) != ROOT / ".venv":
            os.set_inheritable(lock, True)
            os.environ["HOLDFAST_LOCK"] = str(lock)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{site_url(host, port)} (process {os.getpid()})\n".encode(), 0)
    try:
        yield
    finally:
        os.ftruncate(lock, 0)
        os.close(lock)


def raise_open_files() -> None:
    """Every browser tab holds a socket; the usual soft limit of 1024 files is soon reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def answers(host: str, port: int) -> bool:
    """Say whether the web server answers, whatever it says."""
    try:
        with urllib.request.urlopen(f"{site_url(host, port)}/healthz", timeout=2):  # noqa: S310 - always http
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def announce(host: str, port: int) -> None:
    """Say that the site is up, and where."""
    began = os.environ.get("HOLDFAST_STARTED")
    took = f" (after {time.time() - float(began):.0f} s)" if began else ""
    say(f"the site runs at {site_url(host, port)}{took}. Ctrl-C ends it.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
