"""An order storm over the wire, in the middle of which every process is killed and both servers crash.

Afterwards every order that was acknowledged is there once, in that state or a later one; what was refused is not there; the
books prove themselves; nothing is stuck; and whoever followed an account heard each event once and in order.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.faults.site import Site
from tests.faults.storm import Follower, Program, Progress
from trading.engine.states import OPEN, TRANSITIONS, OrderStatus

ACCOUNTS = 4
#: Programs on each account, so that some of them are at the same orders' portfolio at once.
PROGRAMS = 2
STEPS = 16
#: Until what a killed process left behind has been swept up: the outbox shrinks at least so often.
SETTLING_SECONDS = 60.0

pytestmark = pytest.mark.slow


def reachable() -> dict[OrderStatus, set[OrderStatus]]:
    """For each status itself and every one that may follow."""
    later = {status: {status} for status in OrderStatus}
    changed = True
    while changed:
        changed = False
        for (status, _), target in TRANSITIONS.items():
            grown = later[status] | later[target]
            changed = changed or grown != later[status]
            later[status] = grown
    return later


def test_nothing_is_lost_doubled_or_stuck_when_every_process_is_killed(site: Site) -> None:
    desk = site.desk(ACCOUNTS)
    site.start("web", "live", "deliverer", "dispatcher", "matching", "beat")
    progress = Progress()
    followers = [Follower(site.live_url, account) for account in desk.accounts]
    programs = [
        Program(site.url, account, number * PROGRAMS + which, STEPS, progress)
        for number, account in enumerate(desk.accounts)
        for which in range(PROGRAMS)
    ]
    for thread in (*followers, *programs):
        thread.start()
    _strike(site, progress, followers, len(programs) * STEPS)
    for program in programs:
        program.join()
    progress.check()

    assert desk.ask("still") == {"still": True}
    _settle(site)
    for symbol in ("FLTA", "FLTB"):
        if symbol == "FLTB":  # and now without anybody who would do it for the command
            for name in ("deliverer", "dispatcher", "matching", "beat"):
                site.kill(name)
        site.manage("set_quote", symbol, "--bid", "98.9", "--ask", "98.9")
        assert site.sql(_STILL_TRIGGERED.format(symbol=symbol)) == "0"  # the moment the command returns
        _settle(site)
    found = desk.ask("look")
    last = Counter[int]()
    for event in found["events"]:
        last[event["portfolio_id"]] = event["number"]
    for follower in followers:
        follower.wait_for(last[follower.portfolio_id], patience=30)
        follower.stop()
    desk.close()

    assert (found["books"], found["faults"], found["waiting"]) == ("ok", [], 0), site.tail()
    assert found["executions_of_second_pass"] == 0
    check_orders(found, programs)
    check_groups(found)
    check_events(found, followers)
    check_news(found)


#: Buys that the held ask would have to fill.
_STILL_TRIGGERED = """
SELECT count(*) FROM trading_order o JOIN marketdata_instrument i ON i.id = o.instrument_id
WHERE i.symbol = '{symbol}' AND o.side = 'buy' AND o.watch = 'limit' AND o.watch_price >= 98.9
"""


def _strike(site: Site, progress: Progress, followers: list[Follower], orders: int) -> None:
    """Kill one after the other, each when so many more orders have been answered."""

    def kill_streams() -> None:
        for follower in followers:
            follower.wait_for(1, patience=60)  # so that there is a stream to break
        site.kill("deliverer")
        site.kill("live")
        site.start("live")  # and for a while a worker delivers

    blows: list[Callable[[], object]] = [
        lambda: (site.kill("web"), site.start("web")),
        kill_streams,
        site.crash_postgres,
        lambda: (site.start("deliverer"), site.kill("matching"), site.start("matching")),
        site.crash_valkey,
        lambda: (site.kill("beat"), site.kill("dispatcher"), site.start("beat", "dispatcher")),
        lambda: (site.kill("deliverer"), site.start("deliverer")),
    ]
    for number, blow in enumerate(blows, start=1):
        progress.wait_for(orders * number // (len(blows) + 1))
        blow()
    progress.wait_for(orders)


def _settle(site: Site) -> None:
    """Return when the workers have delivered everything; sweeps find what nobody was told of any more."""
    waiting, deadline = -1, 0.0
    while left := int(site.sql("SELECT count(*) FROM kernel_outboxevent WHERE dispatched_at IS NULL")):
        if left != waiting:
            waiting, deadline = left, time.monotonic() + SETTLING_SECONDS
        assert time.monotonic() < deadline, f"{left} events are not delivered: {site.stuck()}{site.tail()}"
        time.sleep(0.1)


def check_orders(found: dict[str, Any], programs: list[Program]) -> None:
    """Acknowledged: there once, as acknowledged or later. Refused: not there. Ended: nothing held. Fills add up."""
    stored = {(row["portfolio_id"], row["client_order_id"]): row for row in found["orders"]}
    assert len(stored) == len(found["orders"])
    later, retried = reachable(), 0
    for program in programs:
        portfolio_id = program.account["portfolio_id"]
        for sent in program.sent:
            row = stored.get((portfolio_id, sent.client_order_id))
            assert (row is None) == (sent.answer is None), (sent, row)
            if row is None or sent.answer is None:
                assert sent.refusal is not None
                continue
            retried += sent.tries > 1
            assert row["id"] == sent.answer["id"]
            assert OrderStatus(row["status"]) in later[OrderStatus(sent.answer["status"])]
            assert float(row["filled"]) >= float(sent.answer["filled_qty"])
            if sent.canceled:
                assert row["status"] == "canceled"
            if sent.replaced_by:
                assert row["status"] == "replaced"
                assert stored[portfolio_id, f"{sent.client_order_id}-new"]["id"] == sent.replaced_by
    assert retried  # the blows have hit somebody
    for row in found["orders"]:
        assert Decimal(row["filled"]) == Decimal(row["executed"])
        assert OrderStatus(row["status"]) in OPEN or float(row["holds"]) == 0


def check_groups(found: dict[str, Any]) -> None:
    """Of both exits at most one has traded; when one is filled, or the entry ended unfilled, nothing of the group is open."""
    groups = defaultdict(list)
    for row in found["orders"]:
        groups[row["head"]].append(row)
    seen = 0
    for members in groups.values():
        exits = [row for row in members if row["role"] in ("take_profit", "stop_loss")]
        seen += bool(exits)
        assert sum(row["status"] == "filled" for row in exits) <= 1
        if any(row["status"] == "filled" for row in exits):
            assert not any(OrderStatus(row["status"]) in OPEN for row in members)
    assert seen


def check_events(found: dict[str, Any], followers: list[Follower]) -> None:
    """The log rises by one; every follower heard exactly the log, although each was cut off."""
    logs = defaultdict(list)
    for event in found["events"]:
        logs[event["portfolio_id"]].append(
            (event["number"], event["event"], event["order_id"], event["execution_id"])
        )
    executed = [entry[3] for log in logs.values() for entry in log if entry[3] is not None]
    assert sorted(executed) == sorted(found["fills"])
    for follower in followers:
        log = logs[follower.portfolio_id]
        assert [entry[0] for entry in log] == list(range(1, len(log) + 1))
        heard = [
            (update["event_id"], update["event"], update["order"]["id"], update.get("execution_id"))
            for update in follower.seen
        ]
        assert heard == log
        assert follower.connections > 1


def check_news(found: dict[str, Any]) -> None:
    """What the other rooms are told: each fill in one event, and each event heard by all its listeners once."""
    told = [
        fill
        for _, name, _, fill in found["told"]
        if name.endswith(("order_filled", "order_partially_filled"))
    ]
    assert sorted(told) == sorted(found["fills"])
    heard = Counter(tuple(pair) for pair in found["heard"])
    assert set(heard.values()) <= {1}
    listeners = defaultdict(set)
    for event_id, subscriber in heard:
        listeners[event_id].add(subscriber)
    by_kind = defaultdict(set)
    for event_id, name, _, _ in found["told"]:
        by_kind[name].add(frozenset(listeners[event_id]))
    assert all(len(kinds) == 1 for kinds in by_kind.values()), dict(by_kind)
