"""Programs that send orders over the wire and follow their account, and that give up neither for a lost answer nor for a
lost connection."""

from __future__ import annotations

import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import requests

#: A program tries again after this long; not as a wait for anything, but so as not to spin.
PAUSE = 0.05
#: The storm is over by then, or something is stuck.
PATIENCE = 180.0


@dataclass
class Sent:
    """One order that was sent, what was answered, and what was asked of it later."""

    client_order_id: str
    body: dict[str, Any]
    answer: dict[str, Any] | None = None
    refusal: dict[str, Any] | None = None
    tries: int = 0
    canceled: bool = False
    replaced_by: str | None = None


@dataclass
class Progress:
    """How many orders have been answered, for those who strike in the middle."""

    done: int = 0
    failures: list[BaseException] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    deadline: float = field(default_factory=lambda: time.monotonic() + PATIENCE)

    def step(self) -> None:
        """One more is done."""
        with self.changed:
            self.done += 1
            self.changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """A program has given up."""
        with self.changed:
            self.failures.append(error)
            self.changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Return when so many are done."""
        with self.changed:
            while self.done < count and not self.failures:
                assert self.changed.wait(timeout=max(self.deadline - time.monotonic(), 0.01)), (
                    "the storm is stuck"
                )
        self.check()

    def check(self) -> None:
        """Raise what went wrong in a program."""
        if self.failures:
            raise self.failures[0]


class Program(threading.Thread):
    """Sends orders of every kind for one account. Each is sent until there is an answer, under one client order id."""

    def __init__(
        self, url: str, account: dict[str, Any], number: int, steps: int, progress: Progress
    ) -> None:
        super().__init__(daemon=True)
        self.account, self.sent = account, list[Sent]()
        self._base, self._number, self._steps, self._progress = f"{url}/alpaca/v2", number, steps, progress
        self._session = requests.Session()
        self._session.headers.update(
            {"APCA-API-KEY-ID": account["key_id"], "APCA-API-SECRET-KEY": account["secret_key"]}
        )

    def run(self) -> None:
        """Send all orders."""
        try:
            for step in range(self._steps):
                self._step(step)
                self._progress.step()
        except BaseException as error:  # noqa: BLE001 - told to the test, which raises it
            self._progress.fail(error)
        finally:
            self._session.close()

    def _step(self, step: int) -> None:
        symbol = ("FLTA", "FLTB")[(step + self._number) % 2]
        kind = step % 8
        base = {"symbol": symbol, "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
        if kind in (0, 3):
            self._place(step, base)
        elif kind == 1:
            # Met by one of the next ticks.
            self._place(step, {**base, "type": "limit", "limit_price": "99.00", "time_in_force": "gtc"})
        elif kind == 2:
            self._place(step, {**base, "side": "sell"})
        elif kind == 4:
            placed = self._place(step, {**base, "type": "limit", "limit_price": "80", "time_in_force": "gtc"})
            self._cancel(placed)
        elif kind == 5:
            placed = self._place(step, {**base, "type": "limit", "limit_price": "81", "time_in_force": "gtc"})
            self._replace(placed)
        elif kind == 6:
            bracket = {"take_profit": {"limit_price": "101"}, "stop_loss": {"stop_price": "99"}}
            self._place(step, {**base, "time_in_force": "gtc", "order_class": "bracket", **bracket})
        else:
            self._place(step, {**base, "qty": None, "notional": "25.50"})

    def _place(self, step: int, body: dict[str, Any]) -> Sent:
        name = f"storm-{self._number}-{step}"
        sent = Sent(name, {key: value for key, value in body.items() if value is not None})
        self.sent.append(sent)
        while True:
            sent.tries += 1
            status, answer = self._ask("POST", "/orders", {**sent.body, "client_order_id": name})
            if status == 200:
                sent.answer = answer
                return sent
            if sent.tries > 1 and "must be unique" in str(answer):
                sent.answer = self._known(name)
                assert sent.answer is not None, f"{name} is taken and not there"
                return sent
            if 400 <= status < 500:
                sent.refusal = answer
                return sent

    def _cancel(self, placed: Sent) -> None:
        if placed.answer is None:
            return
        for number in itertools.count():
            status, answer = self._ask("DELETE", f"/orders/{placed.answer['id']}")
            if status == 204 or (number and status == 422):
                placed.canceled = True
                return
            assert status >= 500 or status == 0, f"{status}: {answer}"

    def _replace(self, placed: Sent) -> None:
        if placed.answer is None:
            return
        name = f"{placed.client_order_id}-new"
        for number in itertools.count():
            status, answer = self._ask(
                "PATCH", f"/orders/{placed.answer['id']}", {"limit_price": "82", "client_order_id": name}
            )
            if number and status == 422:
                answer = self._known(name)
            if answer is not None and status in (200, 422):
                placed.replaced_by = answer.get("id")
                return
            assert status >= 500 or status == 0, f"{status}: {answer}"

    def _known(self, name: str) -> dict[str, Any] | None:
        while True:
            status, answer = self._ask("GET", f"/orders:by_client_order_id?client_order_id={name}")
            if status == 200:
                return answer
            if status == 404:
                return None

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON; 0 when there was no answer that could be read."""
        assert time.monotonic() < self._progress.deadline, "the storm is stuck"
        try:
            answer = self._session.request(method, self._base + path, json=body, timeout=15)
            facts = answer.json() if answer.content else None
        except (requests.RequestException, ValueError):
            time.sleep(PAUSE)
            return 0, None
        if answer.status_code >= 500:
            time.sleep(PAUSE)
        return answer.status_code, facts


class Follower(threading.Thread):
    """Follows an account's events; whenever the stream breaks it comes back with the last id it saw."""

    def __init__(self, live_url: str, account: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.portfolio_id = account["portfolio_id"]
        self.seen: list[dict[str, Any]] = []
        self.connections = 0
        self._address = f"{live_url}/alpaca/v2/events/trades"
        self._headers = {"APCA-API-KEY-ID": account["key_id"], "APCA-API-SECRET-KEY": account["secret_key"]}
        self._enough = threading.Event()
        self._news = threading.Condition()

    def run(self) -> None:
        """Follow until told to stop."""
        while not self._enough.is_set():
            last = self.seen[-1]["event_id"] if self.seen else 0
            try:
                with requests.get(
                    self._address,
                    params={"since_id": last},
                    headers=self._headers,
                    stream=True,
                    timeout=(5, 20),
                ) as answer:
                    if answer.status_code == 200:
                        self.connections += 1
                        self._read(answer)
            except requests.RequestException:
                time.sleep(PAUSE)
            else:
                time.sleep(PAUSE)

    def _read(self, answer: requests.Response) -> None:
        for line in answer.iter_lines(chunk_size=1):
            if self._enough.is_set():
                return
            if line.startswith(b"data: "):
                update = json.loads(line[6:])
                with self._news:
                    self.seen.append(update)
                    self._news.notify_all()

    def wait_for(self, number: int, *, patience: float) -> None:
        """Return when the event with this number has come."""
        with self._news:
            if not number:
                return
            found = self._news.wait_for(
                lambda: bool(self.seen) and self.seen[-1]["event_id"] >= number, timeout=patience
            )
        assert found, f"the follower of {self.portfolio_id} is at {self.seen[-1:]}, not at {number}"

    def stop(self) -> None:
        """Follow no longer."""
        self._enough.set()
