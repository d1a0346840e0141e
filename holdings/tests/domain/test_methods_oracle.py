"""Cost and gain of every method against the slow and plain reckoning, in any currency, with shorts and recorded rates."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from holdings.tests.domain import journals
from holdings.tests.domain.lots_oracle import PLAIN, TYPES, LotsOracle
from holdings.tests.domain.making import figures, portfolio, tx

F = Fraction

CLOSE = F(1, 10**9)
quick = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def drawn_body(
    drawn: list[tuple[Any, ...]], types: frozenset[str], *, whole_splits: bool = False, **kinds: Any
) -> Any:
    """The file of the drawn steps of these types. ``whole_splits``: splits of every account, as a company does them."""
    steps = []
    for step in drawn:
        kind, days, name, other, place, size, price, *rest = step
        if kind not in types:
            continue
        if kind == "split" and whole_splits:
            size += size % 2  # the builder names an account for every odd one
        if kind == "merger" and price % 3 == 0:
            price += 1  # and pays cash beside the shares for every third
        steps.append((kind, days, name, other, place, size, price, *rest))
    return journals.build(steps, **kinds)


def compare(body: Any, method: str) -> None:
    result, oracle = figures(body), LotsOracle(body, method)
    totals = result["totals"]
    assert abs(F(totals["realised_gain"]) - oracle.gain) < CLOSE
    assert abs(F(totals["cost_basis"]) - oracle.cost) < CLOSE
    if oracle.pooled:
        return
    for row in result["positions"]:
        lots = oracle.lots[row["instrument"], row["account"]]
        assert abs(F(row["quantity"]) - sum((lot.units for lot in lots), F(0))) < CLOSE
        assert abs(F(row["cost_basis_base"]) - sum((lot.base for lot in lots), F(0))) < CLOSE
        assert abs(F(row["cost_basis"]) - sum((lot.own for lot in lots), F(0))) < CLOSE


@quick
@given(journals.steps, st.sampled_from(("fifo", "lifo", "hifo")), st.booleans())
def test_lots_of_every_order(drawn, method, shorts):
    body = drawn_body(drawn, TYPES, method=method, shorts=shorts)
    assume(len(body["transactions"]) > 0)
    compare(body, method)


@quick
@given(journals.steps)
def test_the_average(drawn):
    body = drawn_body(drawn, TYPES, method="average")
    assume(len(body["transactions"]) > 0)
    compare(body, "average")


@quick
@given(journals.steps)
def test_the_pool_of_the_united_kingdom(drawn):
    body = drawn_body(drawn, PLAIN, whole_splits=True, method="section104")
    assume(len(body["transactions"]) > 0)
    compare(body, "section104")


def test_a_split_between_a_purchase_and_the_sale_of_its_day_leaves_the_pool_whole():
    """The shares of the match are in new units by the time of the sale; another split later finds nothing left of them."""
    result = figures(
        portfolio(
            tx("buy", "2023-01-02", quantity="30", price="10"),
            tx("buy", "2023-01-30", quantity="20", price="12"),
            tx("split", "2023-01-30", instrument="A", ratio="3:2"),
            tx("sell", "2023-01-30", quantity="15", price="9"),
            tx("split", "2023-03-25", instrument="A", ratio="3:2"),
            tx("sell", "2023-04-17", quantity="45", price="8"),
            cost_basis_method="section104",
        )
    )
    same_day, pool = result["realised"]
    assert (same_day["cost"], same_day["gain"], same_day["match"]) == ("120", "15", "same_day")
    # 300 + 120 for (30 + 10) x 9/4 = 90 shares.
    assert (pool["cost"], pool["gain"], pool["match"]) == ("210", "150", "pool")
    assert result["totals"]["cost_basis"] == "210"


def test_a_purchase_that_is_split_and_sold_on_its_day_needs_no_pool():
    result = figures(
        portfolio(
            tx("buy", "2023-01-16", quantity="80", price="2"),
            tx("split", "2023-01-16", instrument="A", ratio="1:8", amount="1"),
            tx("return_of_capital", "2023-01-16", instrument="A", amount="3"),
            tx("sell", "2023-01-16", quantity="10", price="17"),
            cost_basis_method="section104",
        )
    )
    assert result["totals"]["realised_gain"] == "14"
    assert (result["totals"]["cost_basis"], result["positions"][0]["quantity"]) == ("0", "0")


@quick
@given(journals.steps, st.integers(0, 2**32))
def test_what_a_wash_sale_defers_is_neither_lost_nor_doubled(drawn, seed):
    """What is put off the gains of now is in the cost of what is held, or has lowered a later gain: nowhere else."""
    body = drawn_body(drawn, TYPES, method="fifo")
    assume(len(body["transactions"]) > 0)
    dice = Random(seed)
    for row in body["transactions"]:
        if row["type"] in ("buy", "sell") and dice.random() < 0.5:
            row["fees"] = str(dice.randint(0, 9))
    plain, washed = figures(body), figures({**body, "tax_country": "US"})
    deferred = sum((F(row["wash_sale_adjustment_base"]) for row in washed["realised"]), F(0))
    gains = [F(each["totals"]["realised_gain"]) for each in (plain, washed)]
    costs = [F(each["totals"]["cost_basis"]) for each in (plain, washed)]
    assert gains[0] - gains[1] == pytest.approx(0) or deferred > 0
    assert abs((gains[0] - gains[1]) - (deferred - (costs[1] - costs[0]))) < CLOSE
    # More lots round more often when units are split; what they are worth together is the same.
    assert abs(F(plain["totals"]["net_worth"]) - F(washed["totals"]["net_worth"])) < CLOSE
    for row in washed["realised"]:
        assert 0 <= F(row["wash_sale_adjustment"]) <= max(-F(row["gain"]), F(0)) + CLOSE
    for name in ("quantity", "market_value"):
        there, here = ([F(row[name]) for row in side["positions"]] for side in (plain, washed))
        assert len(there) == len(here)
        assert all(abs(one - other) < CLOSE for one, other in zip(there, here, strict=True))


@quick
@given(journals.steps, st.integers(0, 60), st.booleans())
def test_the_money_weighted_return_balances_what_went_in_and_came_out(drawn, offset, shorts):
    """At the rate that is shown, everything paid in and out and the value at both ends balance; at no other one if it is
    called the only one."""
    body = journals.build(drawn, shorts=shorts)
    assume(len(body["transactions"]) > 0)
    last = date.fromisoformat(body["as_of"]).toordinal()
    start = date.fromordinal(min(last - 1, journals.FIRST.toordinal() - 1 + offset)).isoformat()
    result = figures(body, start=start)
    days, found = result["daily"], result["performance"]
    flows = [-float(days[0]["value"]), *(-float(row["flow"]) for row in days[1:])]
    flows[-1] += float(days[-1]["value"])
    size = sum(abs(flow) for flow in flows)

    def worth(rate: float) -> float:
        return sum(flow / (1 + rate) ** (day / 365) for day, flow in enumerate(flows))

    if found["irr"] is not None:
        assert abs(worth(found["irr"])) <= 1e-6 * size * (1 + max(0.0, -found["irr"]) ** 40)
    if found["irr_status"] == "unique":
        below = worth(max(found["irr"] - 0.01 * (1 + found["irr"]), -0.999999))
        above = worth(min(found["irr"] + 0.01 * (1 + found["irr"]), 1000.0))
        assert below * above <= 0
    assert found["twr"] is None or found["twr"] == pytest.approx(days[-1]["twr_index"] - 1, abs=1e-12)
