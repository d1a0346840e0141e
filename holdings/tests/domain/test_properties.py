"""What must hold for every journal, whatever stands in it."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdings.domain import scopes, writing
from holdings.domain.explain import REGISTRY, explain, part_rows
from holdings.domain.ledger import Books, open_ledger
from holdings.domain.numbers import exact
from holdings.domain.parsing import parse_document
from holdings.tests.domain import journals
from holdings.tests.domain.making import adds_up, figures, run, total

METHODS = ("fifo", "lifo", "hifo", "average", "section104")
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(journals.steps, st.sampled_from(METHODS), st.booleans(), st.integers(0, 60))
def test_statement_adds_up_for_any_period(drawn, method, shorts, offset):
    body = journals.build(drawn, method=method, shorts=shorts, country="US")
    whole = figures(body)
    assert adds_up(whole)
    last = date.fromisoformat(body["as_of"]).toordinal()
    start = date.fromordinal(min(last, journals.FIRST.toordinal() - 1 + offset)).isoformat()
    part = figures(body, start=start)
    assert adds_up(part)
    assert part["statement"]["closing_value"] == whole["statement"]["closing_value"]
    assert part["totals"] == whole["totals"]


@quick
@given(journals.steps, st.sampled_from(METHODS), st.booleans())
def test_figures_agree_with_each_other(drawn, method, shorts):
    result = figures(journals.build(drawn, method=method, shorts=shorts))
    totals = {name: Decimal(text) for name, text in result["totals"].items()}
    with exact():
        closing = Decimal(result["statement"]["closing_value"])
        assert totals["net_worth"] + totals["liabilities"] == closing
        assert Decimal(result["daily"][-1]["value"]) == closing
        assert Decimal(result["daily"][0]["value"]) == Decimal(result["statement"]["opening_value"])
        assert totals["market_value"] == total([row["market_value_base"] for row in result["positions"]])
        assert totals["cash"] == total([row["balance_base"] for row in result["cash"]])
        assert totals["realised_gain"] == total([row["gain_base"] for row in result["realised"]])
        assert totals["total_gain"] == closing - totals["net_contributions"]
        flows = total([row["flow"] for row in result["daily"]])
        assert flows == totals["net_contributions"]
        for row in result["positions"]:
            assert Decimal(row["quantity"]) == total([lot["quantity"] for lot in row["lots"]])
            assert Decimal(row["cost_basis"]) == total([lot["cost"] for lot in row["lots"]])
            gains = [
                x
                for x in result["realised"]
                if (x["instrument"], x["account"]) == (row["instrument"], row["account"])
            ]
            assert Decimal(row["realised_gain"]) == total([x["gain"] for x in gains])


@quick
@given(journals.steps, st.sampled_from(("fifo", "lifo", "hifo", "average")), st.booleans())
def test_posting_one_by_one_gives_the_books_of_a_full_replay(drawn, method, shorts):
    result = run(journals.build(drawn, method=method, shorts=shorts))
    books = Books()
    realised = []
    for place, row in enumerate(result.journal, 1):
        ledger = open_ledger(result.setup, books)
        effects = ledger.apply(row, sequence=place)
        realised += effects.realised
        books = ledger.books()
    full = result.replay.ledger.books()
    assert {k: v for k, v in books.cash.items() if v} == {k: v for k, v in full.cash.items() if v}
    assert _lots(books.lots) == _lots(full.lots)
    assert _lots(books.pools.values()) == _lots(full.pools.values())
    assert [(r.lot, r.gain, r.gain_base) for r in realised] == [
        (r.lot, r.gain, r.gain_base) for r in result.effects.realised
    ]


def _lots(lots):
    return sorted(
        (x.instrument, x.account, x.id, x.opened, x.quantity, x.cost, x.cost_base, x.order)
        for x in lots
        if x.quantity
    )


@quick
@given(journals.steps, st.sampled_from(METHODS), st.randoms(use_true_random=False))
def test_order_of_what_has_no_order_changes_nothing(drawn, method, random):
    body = journals.build(drawn, method=method)
    shuffled = dict(body)
    for key in ("instruments", "accounts"):
        shuffled[key] = random.sample(body[key], len(body[key]))
    for key in ("prices", "fx"):
        shuffled[key] = {
            name: dict(random.sample(list(days.items()), len(days)))
            for name, days in random.sample(list(body[key].items()), len(body[key]))
        }
    by_day: dict[str, list] = {}
    for row in body["transactions"]:
        by_day.setdefault(row["date"], []).append(row)
    # Rows of different days may stand in any order: only the order within a day means anything.
    days = random.sample(sorted(by_day), len(by_day))
    shuffled["transactions"] = [row for day in days for row in by_day[day]]
    before, after = figures(body), figures(shuffled)
    for key in ("totals", "statement", "performance", "positions", "realised", "daily"):
        assert after[key] == before[key]


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_journal_has_no_figures(method):
    body = journals.build([], method=method)
    result = figures(body)
    assert result["totals"]["net_worth"] == "0"
    assert result["performance"]["twr"] is None
    assert result["positions"] == []


@quick
@given(journals.steps, st.sampled_from(METHODS), st.booleans(), st.integers(0, 60))
def test_explanations_add_up_to_their_figures(drawn, method, shorts, offset):
    body = journals.build(drawn, method=method, shorts=shorts)
    last = date.fromisoformat(body["as_of"]).toordinal()
    start = date.fromordinal(min(last, journals.FIRST.toordinal() - 1 + offset)).isoformat()
    result = run(body, start=start)
    for figure in REGISTRY:
        owner = result.statement if figure.startswith("statement.") else result.totals
        assert explain(result, figure).total == getattr(owner, figure.removeprefix("statement.")), figure


@quick
@given(journals.steps, st.sampled_from(METHODS))
def test_gains_of_accounts_add_up_to_the_gain_of_the_portfolio(drawn, method):
    result = run(journals.build(drawn, method=method))
    parts = scopes.attribute(result, scopes.by_account(result))
    with exact():
        assert sum((part.gain for part in parts), Decimal(0)) == result.totals.total_gain


@quick
@given(journals.steps, st.sampled_from(METHODS), st.integers(0, 60))
def test_rows_of_a_part_add_up_to_its_figures(drawn, method, offset):
    body = journals.build(drawn, method=method)
    last = date.fromisoformat(body["as_of"]).toordinal()
    start = date.fromordinal(min(last, journals.FIRST.toordinal() - 1 + offset)).isoformat()
    result = run(body, start=start)
    for by in ("account", "instrument", "currency"):
        wanted = scopes.DIMENSIONS[by](result)
        for scope, part in zip(wanted, scopes.attribute(result, wanted), strict=True):
            with exact():
                for figure in ("opening_value", "closing_value", "net_flows"):
                    rows = part_rows(result, scope, f"part_{figure}")
                    assert sum((row.amount for row in rows), Decimal(0)) == getattr(part, figure), (
                        by,
                        figure,
                    )


@quick
@given(journals.steps, st.booleans())
def test_what_is_written_reads_back_equal(drawn, shorts):
    read = parse_document(journals.build(drawn, shorts=shorts))
    written = json.loads(json.dumps(writing.document(read)))
    again = parse_document(written)
    assert again == read
    assert writing.document(again) == written
