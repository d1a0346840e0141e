"""The counter's background work. Each task reads the clock and calls one operation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready

from portfolio_site.kernel import clock
from portfolio_site.kernel.jobs import enqueue
from trading import operations, queries


@shared_task(name="trading.tasks.match_orders")
def match_orders(instrument_ids: list[int]) -> int:
    """Fill the resting orders that fresh prices of these instruments allow; returns the number of
    executions."""
    return operations.match_resting_orders(instrument_ids=instrument_ids, now=clock.now()).executions


@shared_task(name="trading.tasks.expire_orders")
def expire_orders() -> int:
    """End the orders whose time is over; returns how many."""
    return operations.expire_orders(now=clock.now())


@shared_task(name="trading.tasks.reconcile_orders")
def reconcile_orders() -> None:
    """Do what a crash or a lost message left undone."""
    operations.reconcile_orders(now=clock.now())


@shared_task(name="trading.tasks.reconcile_orders_thoroughly")
def reconcile_orders_thoroughly() -> None:
    """The same, with the numbered log: once an hour, and whenever a worker starts."""
    operations.reconcile_orders(now=clock.now(), thorough=True)


@worker_ready.connect(dispatch_uid="trading.reconcile_at_start")
def reconcile_at_start(**_: Any) -> None:
    """What the worker before left behind is looked for before anybody asks."""
    enqueue(reconcile_orders_thoroughly)


@shared_task(name="trading.tasks.watch_margins")
def watch_margins() -> int:
    """Raise, lift and enforce margin calls; returns how many accounts are in one."""
    return operations.watch_margins(now=clock.now())


@shared_task(name="trading.tasks.keep_accounts")
def keep_accounts() -> None:
    """What accounts come to by the day: splits and dividends, charges, the figures of the close."""
    now = clock.now()
    operations.apply_corporate_actions(now=now)
    operations.accrue_charges(now=now)
    operations.close_trading_day(now=now)


@shared_task(name="trading.tasks.apply_corporate_actions")
def apply_corporate_actions(instrument_ids: list[int]) -> int:
    """Apply the splits and dividends of these instruments whose day has come; returns how many times."""
    return operations.apply_corporate_actions(now=clock.now(), instrument_ids=instrument_ids)


@shared_task(name="trading.tasks.send_to_broker")
def send_to_broker(connection_id: str) -> int:
    """Say to a broker what waits to be said; returns how many instructions came to their end."""
    return operations.send_waiting(connection_id=UUID(connection_id), clock=clock.now)


@shared_task(name="trading.tasks.look_after_brokers")
def look_after_brokers() -> int:
    """Send what was left behind, and do the work of a follower that is not there."""
    return operations.look_after_brokers(clock=clock.now)


@shared_task(name="trading.tasks.ask_about_asset")
def ask_about_asset(connection_id: str, instrument_id: int) -> None:
    """Ask a broker what may be done with an instrument: somebody fills a ticket in."""
    operations.ask_about_asset(connection_id=UUID(connection_id), instrument_id=instrument_id)


@shared_task(name="trading.tasks.cancel_orders_of_archived")
def cancel_orders_of_archived(portfolio_id: int) -> int:
    """Take back the open orders of a portfolio that was archived; returns how many."""
    return operations.cancel_orders_of_archived(portfolio_id=portfolio_id, now=clock.now())


@shared_task(name="trading.tasks.release_basket")
def release_basket(basket_id: str) -> None:
    """Place what of a basket waited for cash and can be paid now."""
    operations.release_basket(basket_id=UUID(basket_id), now=clock.now())


@shared_task(name="trading.tasks.release_baskets")
def release_baskets() -> int:
    """The same for every basket at work: makes up for a message that was lost. Returns how many there are."""
    waiting = queries.working_baskets()
    for basket_id in waiting:
        operations.release_basket(basket_id=basket_id, now=clock.now())
    return len(waiting)
