"""Run the site's processes side by side: prefix their lines, restart what crashes, end everything
together."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from devkit.processes import Reaper, end, spawn

TICK_SECONDS = 0.25
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 10.0
COLOURS = {"web": "36", "worker": "32", "events": "35", "beat": "33"}


@dataclass
class Program:
    """One process of the site, and how its restarts went."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    # Held back until the site answers, so that a person does not wait for what happens behind the page.
    after_ready: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    retry_at: float = 0.0
    pause: float = FIRST_PAUSE
    partial: bytes = b""


@dataclass
class Supervisor:
    """Keeps the programs alive until it is told to stop."""

    programs: list[Program]
    env: Mapping[str, str]
    cwd: Path
    reaper: Reaper
    backing_failure: Callable[[], str | None] = lambda: None
    out: IO[str] = field(default_factory=lambda: sys.stdout)
    stop_reason: str | None = None

    def __post_init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._width = max((len(program.name) for program in self.programs), default=0)

    def request_stop(self, number: int, _frame: object = None) -> None:
        """Signal handler: leave the loop at its next turn."""
        self.stop_reason = signal.Signals(number).name

    def stopping(self) -> bool:
        """Say whether a signal has asked for the end."""
        return self.stop_reason is not None

    def run(self, on_ready: Callable[[], None], is_ready: Callable[[], bool]) -> int:
        """Start everything, stay until a signal or the loss of a backing server, return the exit status."""
        announced = False
        try:
            for program in self.programs:
                if not program.after_ready:
                    self._start(program)
            while not self.stopping():
                self._pump(TICK_SECONDS)
                for program in self.programs:
                    if announced or not program.after_ready:
                        self._tend(program)
                if not announced and is_ready():
                    announced = True
                    on_ready()
                if lost := self.backing_failure():
                    self._print("holdfast", f"{lost} ended unexpectedly; stopping the site")
                    return 1
        finally:
            self._stop_all()
        return 0

    def _start(self, program: Program) -> None:
        program.process = spawn(
            program.command,
            reaper=self.reaper,
            env={**self.env, **program.env},
            cwd=self.cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        program.started_at = time.monotonic()
        assert program.process.stdout is not None
        os.set_blocking(program.process.stdout.fileno(), False)
        self._selector.register(program.process.stdout, selectors.EVENT_READ, program)

    def _tend(self, program: Program) -> None:
        """Notice a crash, and start the program again after a pause that doubles while it keeps crashing."""
        now = time.monotonic()
        if program.process is None:
            if now >= program.retry_at:
                self._start(program)
            return
        status = program.process.poll()
        if status is None:
            return
        self._close(program)
        if now - program.started_at > HEALTHY_SECONDS:
            program.pause = FIRST_PAUSE
        program.retry_at = now + program.pause
        self._print(
            program.name, f"ended with status {status}; starting it again in {program.pause:.0f} s", loud=True
        )
        program.pause = min(program.pause * 2, LONGEST_PAUSE)

    def _close(self, program: Program) -> None:
        """Forget a process that has ended, after its last words and its stray children are dealt with."""
        process = program.process
        assert process is not None
        assert process.stdout is not None
        self._read(program, process.stdout)
        self._selector.unregister(process.stdout)
        process.stdout.close()
        # The leader is gone and collected, so only members of its own group can answer to this number.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        self.reaper.forget(process.pid)
        program.process = None

    def _pump(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            self._read(key.data, key.fileobj)  # type: ignore[arg-type]

    def _read(self, program: Program, stream: IO[bytes]) -> None:
        while True:
            try:
                chunk = os.read(stream.fileno(), 65536)
            except BlockingIOError:
                return
            if not chunk:
                return
            *lines, program.partial = (program.partial + chunk).split(b"\n")
            for line in lines:
                self._print(program.name, line.decode(errors="replace").rstrip("\r"))

    def _print(self, name: str, line: str, *, loud: bool = False) -> None:
        label = f"{name:<{self._width}} |"
        if self.out.isatty():
            label = f"\x1b[{COLOURS.get(name, '35')}m{label}\x1b[0m"
        mark = "! " if loud else ""
        try:
            print(f"{label} {mark}{line}", file=self.out, flush=True)
        except (BrokenPipeError, ValueError):
            self.stop_reason = self.stop_reason or "SIGPIPE"

    def _stop_all(self) -> None:
        """Ask all at once, so that the slowest decides how long it takes, and not the sum of them."""
        running = [program for program in self.programs if program.process is not None]
        for program in running:
            if program.process is not None and program.process.poll() is None:
                program.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(p.process and p.process.poll() is None for p in running):
            self._pump(0.05)
        for program in running:
            if program.process is not None:
                end(program.process, signal.SIGTERM, patience=0.5)
                self._close(program)
