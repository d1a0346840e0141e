"""Allocation: parts add up to the whole, targets stay within 100 %, and the trades lead where they say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from holdings.domain.rebalancing import Held, trades_to
from holdings.models import Portfolio, TargetWeight
from holdings.operations.targets import TargetsRefused, set_targets
from holdings.queries.insights.allocation import DIMENSIONS, allocation_of, rebalancing_of
from holdings.queries.insights.lens import Lens
from holdings.tests.support import NOW, D, make_instrument, make_portfolio, make_prices, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


@pytest.fixture
def mixed(owner: Any) -> Portfolio:
    """In euros: 6 A at 100 (equity), 3 B at 100 (bond), 100 cash. 1000 in all."""
    portfolio = make_portfolio(owner)
    stock = make_instrument(
        "A", currency="EUR", asset_class="equity", sector="Energy", country="DE", quantity_step=D(1)
    )
    bond = make_instrument("B", currency="EUR", asset_class="bond", quantity_step=D(1))
    for thing in (stock, bond):
        make_prices(thing, {"2026-01-01": "100"})
    post(portfolio, "deposit", "2026-01-01", amount="1000", currency="EUR")
    post(
        portfolio,
        "buy",
        "2026-01-01",
        instrument_id=stock.pk,
        quantity="6",
        price="100",
        tags=("core", "green"),
    )
    post(portfolio, "buy", "2026-01-01", instrument_id=bond.pk, quantity="3", price="100")
    portfolio.refresh_from_db()
    return portfolio


def lens_of(portfolio: Portfolio) -> Lens:
    return Lens(portfolio, now=NOW)


def targets(portfolio: Portfolio, owner: Any, dimension: str = "asset_class", **weights: str) -> None:
    set_targets(
        portfolio_id=portfolio.pk,
        dimension=dimension,
        weights={key: D(weight) for key, weight in weights.items()},
        actor=owner,
        now=NOW,
    )


class TestAllocation:
    @pytest.mark.parametrize("dimension", [name for name in DIMENSIONS if name != "tag"])
    def test_parts_add_up_to_securities_and_cash(self, mixed, dimension):
        found = allocation_of(lens_of(mixed), dimension)
        assert sum(part.value for part in found.parts) == found.total == 1000
        assert sum(part.weight or 0 for part in found.parts) == 1

    def test_by_class_with_cash_as_a_part(self, mixed):
        found = allocation_of(lens_of(mixed), "asset_class")
        assert [(part.label, part.value, part.weight) for part in found.parts] == [
            ("Stock", 600, D("0.6")),
            ("Bond", 300, D("0.3")),
            ("Cash", 100, D("0.1")),
        ]

    def test_a_holding_counts_for_each_of_its_tags(self, mixed):
        found = allocation_of(lens_of(mixed), "tag")
        assert {part.label: part.value for part in found.parts} == {
            "core": 600,
            "green": 600,
            "Untagged": 400,
        }

    def test_accounts_have_their_positions_and_their_cash(self, mixed):
        found = allocation_of(lens_of(mixed), "account")
        assert {part.label: part.value for part in found.parts} == {"Securities": 900, "Cash": 100}

    def test_a_slice_opens_the_holdings_in_it(self, as_owner, mixed):
        url = reverse("holdings:allocation", args=[mixed.pk])
        chart = as_owner.get(reverse("holdings:allocation_chart", args=[mixed.pk])).json()
        assert chart["labels"] == ["Stock", "Bond", "Cash"]
        assert chart["urls"][0] == f"{url}?by=asset_class&in=equity#part"
        opened = as_owner.get(chart["urls"][0].split("#")[0]).context["opened"]
        assert [member.label for member in opened.members] == ["A"]

    def test_treemap_cells_lead_to_their_holdings(self, as_owner, mixed):
        cells = as_owner.get(reverse("holdings:treemap", args=[mixed.pk])).json()["cells"]
        assert [(cell["label"], cell["value"]) for cell in cells] == [("A", "600"), ("B", "300")]
        assert as_owner.get(cells[0]["url"]).status_code == 200

    def test_cost_in_statements(self, as_owner, mixed, django_assert_max_num_queries):
        for dimension in DIMENSIONS:
            url = reverse("holdings:allocation", args=[mixed.pk]) + f"?by={dimension}"
            as_owner.get(url)
            with django_assert_max_num_queries(20):
                as_owner.get(url)


class TestTargets:
    def test_trades_restore_the_targets(self, mixed, owner):
        targets(mixed, owner, equity="0.5", bond="0.4")
        lens = lens_of(mixed)
        plan = rebalancing_of(lens, allocation_of(lens, "asset_class"))
        assert plan is not None
        assert [(t.symbol, t.quantity, t.amount) for t in plan.trades] == [("A", -1, -100), ("B", 1, 100)]
        assert (plan.cash_before, plan.cash_after) == (100, 100)

    def test_what_has_no_target_is_left_as_it_is(self, mixed, owner):
        targets(mixed, owner, bond="0.4")
        lens = lens_of(mixed)
        plan = rebalancing_of(lens, allocation_of(lens, "asset_class"))
        assert plan is not None
        assert [(t.symbol, t.amount) for t in plan.trades] == [("B", 100)]
        assert plan.cash_after == 0

    def test_a_class_that_holds_nothing_gets_an_amount(self, mixed, owner):
        targets(mixed, owner, crypto="0.05")
        lens = lens_of(mixed)
        plan = rebalancing_of(lens, allocation_of(lens, "asset_class"))
        assert plan is not None
        assert [(t.part, t.instrument_id, t.amount) for t in plan.trades] == [("Crypto", None, 50)]

    def test_more_than_the_whole_is_refused_and_nothing_is_lost(self, as_owner, mixed, owner):
        targets(mixed, owner, equity="0.5")
        with pytest.raises(TargetsRefused, match=r"105\.00%"):
            targets(mixed, owner, equity="0.55", bond="0.5")
        assert [(row.key, row.weight) for row in TargetWeight.objects.all()] == [("equity", D("0.5"))]

    @pytest.mark.parametrize("weight", ["-0.1", "1.1", "NaN", "0.12345678"])
    def test_a_weight_that_is_none_is_refused_at_its_part(self, mixed, owner, weight):
        with pytest.raises(TargetsRefused) as refusal:
            targets(mixed, owner, equity=weight)
        assert refusal.value.field == "equity"

    def test_the_form_saves_percentages_and_shows_refusals_at_the_field(self, as_owner, mixed):
        url = reverse("holdings:targets", args=[mixed.pk]) + "?by=asset_class"
        form = as_owner.get(url).context["form"]
        names = {key: name for name, key in form.keys.items()}
        answer = as_owner.post(url, {names["equity"]: "60", names["bond"]: "12.5"})
        assert answer.status_code == 303
        assert dict(TargetWeight.objects.values_list("key", "weight")) == {
            "equity": Decimal("0.6"),
            "bond": Decimal("0.125"),
        }
        assert "Back to the targets" in as_owner.get(answer.url.split("#")[0]).content.decode()
        answer = as_owner.post(url, {names["equity"]: "160"})
        assert answer.status_code == 422
        assert names["equity"] in answer.context["form"].errors

    def test_something_not_held_yet_can_have_a_target(self, as_owner, mixed):
        thing = make_instrument("NEW", currency="EUR")
        url = reverse("holdings:targets", args=[mixed.pk]) + "?by=instrument"
        assert as_owner.post(url, {"other": str(thing.pk), "other_weight": "10"}).status_code == 303
        lens = lens_of(mixed)
        found = allocation_of(lens, "instrument")
        assert next(part.label for part in found.parts if part.key == str(thing.pk)) == "NEW"
        plan = rebalancing_of(lens, found)
        assert plan is not None
        assert sum(trade.amount for trade in plan.trades) == 100


class TestTradesTo:
    def test_the_mix_within_a_part_stays_and_quantities_are_whole_steps(self):
        held = [
            Held(id="1", part="x", quantity=D(3), value=D(300), unit_value=D(100), step=D(1)),
            Held(id="2", part="x", quantity=D(10), value=D(100), unit_value=D(10), step=D(1)),
        ]
        trades = trades_to({"x": D("0.5")}, held, values={"x": D(400)}, total=D(1600))
        assert [(trade.id, trade.quantity, trade.amount) for trade in trades] == [
            ("1", 3, 300),
            ("2", 10, 100),
        ]

    def test_never_sells_more_than_is_held(self):
        held = [Held(id="1", part="x", quantity=D("2.5"), value=D(250), unit_value=D(100), step=D(1))]
        (trade,) = trades_to({"x": D(0)}, held, values={"x": D(250)}, total=D(1000))
        assert (trade.quantity, trade.amount) == (D("-2.5"), -250)
