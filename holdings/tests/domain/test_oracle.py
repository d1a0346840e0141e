"""The fast path against the slow and plain one."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings

from holdings.tests.domain import journals
from holdings.tests.domain.making import figures
from holdings.tests.domain.oracle import Oracle

CLOSE = Fraction(1, 10**9)
SIMPLE = frozenset(
    ["buy", "sell", "deposit", "withdrawal", "delivery_in", "delivery_out", "transfer", "transfer_cash", "dividend", "split",
     "dividend_in_kind", "staking", "fee", "tax", "interest"]
)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(journals.steps)
def test_every_day_has_the_value_flow_and_index_of_a_plain_replay(drawn):
    body = journals.build(drawn)
    assume(len(body["transactions"]) > 0)
    result, oracle = figures(body), Oracle(body)
    days = oracle.days()
    assert [row["date"] for row in result["daily"]] == [day for day, _, _, _ in days]
    for row, (day, value, flow, level) in zip(result["daily"], days, strict=True):
        assert abs(Fraction(row["value"]) - value) < CLOSE, day
        assert abs(Fraction(row["flow"]) - flow) < CLOSE, day
        assert row["twr_index"] == pytest.approx(level, rel=1e-9, abs=1e-12), day
    for row in result["positions"]:
        assert abs(Fraction(row["quantity"]) - oracle.quantity[row["instrument"], row["account"]]) < CLOSE
    for row in result["cash"]:
        assert Fraction(row["balance"]) == oracle.cash[row["account"], row["currency"]]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(journals.steps)
def test_first_in_first_out_cost_and_gain_of_a_plain_replay(drawn):
    body = journals.build([step for step in drawn if step[0] in SIMPLE])
    assume(len(body["transactions"]) > 0)
    result, oracle = figures(body), Oracle(body)
    oracle.days()
    assert abs(Fraction(result["totals"]["realised_gain"]) - oracle.realised) < CLOSE
    cost = sum((lot[1] for lots in oracle.lots.values() for lot in lots), Fraction(0))
    assert abs(Fraction(result["totals"]["cost_basis"]) - cost) < CLOSE
