"""Returns and risk, checked against sums done by hand."""

from __future__ import annotations

import math

import pytest

from holdings.domain.statistics.irr import irr
from holdings.domain.statistics.twr import annualised
from holdings.tests.domain.making import codes, figures, portfolio, tx


class TestTwr:
    def test_inflows_count_from_the_start_of_their_day_and_outflows_leave_at_its_end(self):
        result = figures(
            portfolio(
                tx("buy", "2024-01-01", quantity="10", price="100"),
                tx("deposit", "2024-01-02", amount="1000"),
                tx("withdrawal", "2024-01-03", amount="500"),
                as_of="2024-01-04",
                prices={
                    "A": {"2024-01-01": "110", "2024-01-02": "120", "2024-01-03": "130", "2024-01-04": "143"}
                },
            )
        )
        index = [row["twr_index"] for row in result["daily"]]
        assert index[1] == pytest.approx(1100 / 1000)
        assert index[2] == pytest.approx(1.1 * 2200 / 2100)
        assert index[3] == pytest.approx(1.1 * 2200 / 2100 * (1800 + 500) / 2200)
        assert index[4] == pytest.approx(index[3] * 1930 / 1800)
        assert [row["flow"] for row in result["daily"]] == ["0", "1000", "1000", "-500", "0"]
        assert result["performance"]["twr"] == pytest.approx(index[4] - 1)

    def test_a_day_without_a_base_contributes_nothing_and_warns(self):
        rows = (
            tx("buy", "2024-01-02", quantity="1", price="100"),
            tx("sell", "2024-01-03", quantity="1", price="120"),
        )
        result = figures(portfolio(*rows, tx("withdrawal", "2024-01-03", amount="120"), as_of="2024-01-05"))
        assert result["performance"]["twr"] == pytest.approx(0.2)
        assert "no_base" in codes(result)

    def test_annualised_only_from_365_days_on(self):
        assert annualised(0.1, 364) is None
        assert annualised(0.1, 365) == pytest.approx(0.1)
        assert annualised(0.21, 730) == pytest.approx(0.1)


class TestIrr:
    @pytest.mark.parametrize(
        ("flows", "roots"),
        [
            ([(0, -100), (365, 110)], [0.1]),
            ([(0, -100), (365, 10)], [-0.9]),
            ([(0, -100), (365, 230), (730, -132)], [0.1, 0.2]),
            ([(0, -1), (365, 6), (730, -11), (1095, 6)], [0, 1, 2]),
            ([(0, -1), (365, 500)], [499]),
            ([(0, 100), (365, -200), (730, 100)], [0]),
            ([(0, -1000), (365, 3000), (730, -2500)], []),
            ([(0, -100), (365, -10)], []),
            ([(0, -1), (365, 2000)], []),
            ([(0, -100), (0, 100)], []),
            ([], []),
            # roots at −0.95 and 0.25: (1 + r) = 0.05 and 1.25
            ([(0, -1), (365, 1.3), (730, -0.0625)], [-0.95, 0.25]),
        ],
    )
    def test_all_roots_are_found(self, flows, roots):
        found = irr(flows)
        assert found.roots == pytest.approx(roots, abs=1e-7)
        assert found.status == ("none" if not roots else "unique" if len(roots) == 1 else "ambiguous")
        assert found.rate == (None if not roots else pytest.approx(min(roots, key=abs), abs=1e-7))

    @pytest.mark.parametrize("rate", [-0.999, -0.9, -0.5, -0.01, 0.0, 0.001, 0.37, 5.0, 900.0])
    def test_many_flows_return_the_rate_they_were_made_with(self, rate):
        paid = [(30 * n, -100.0) for n in range(60)]
        end = 30 * 60
        value = sum(100 * (1 + rate) ** ((end - day) / 365) for day, _ in paid)
        assert irr([*paid, (end, value)]).rate == pytest.approx(rate, rel=1e-6, abs=1e-9)

    def test_a_portfolio_that_lost_almost_everything(self):
        body = portfolio(
            tx("buy", "2024-01-01", quantity="100", price="1"),
            prices={"A": {"2024-01-01": "1", "2024-12-31": "0.1"}},
        )
        result = figures(body)["performance"]
        assert result["irr_status"] == "unique"
        assert result["irr"] == pytest.approx(-0.9, abs=1e-9)

    def test_both_ends_of_the_range_belong_to_it(self):
        # 1 becomes 1001 in a year: 1000; 1 becomes 0.000001: −0.999999.
        assert irr([(0, -1.0), (365, 1001.0)]).rate == pytest.approx(1000)
        assert irr([(0, -1.0), (365, 0.000001)]).rate == pytest.approx(-0.999999)
        assert irr([(0, -1.0), (365, 1001.1)]).status == "none"
        assert irr([(0, -1.0), (365, 0.0000009)]).status == "none"

    def test_a_total_loss_has_none(self):
        body = portfolio(
            tx("buy", "2024-01-01", quantity="100", price="1"), prices={"A": {"2024-01-02": "0"}}
        )
        result = figures(body)["performance"]
        assert (result["irr"], result["irr_status"], result["irr_roots"]) == (None, "none", [])
        assert result["twr"] == -1

    def test_a_positions_rate_is_net_of_fees_and_before_taxes(self):
        body = portfolio(
            tx("buy", "2024-01-01", quantity="10", price="99", fees="10", taxes="50"),
            tx("sell", "2024-12-31", quantity="10", price="121", fees="10", taxes="99"),
        )
        assert figures(body)["positions"][0]["irr"] == pytest.approx(0.2)


class TestRisk:
    # Monday to Friday, then over the weekend to Monday.
    PRICES = {
        "A": {
            "2024-01-01": "100",
            "2024-01-02": "110",
            "2024-01-03": "99",
            "2024-01-04": "108.9",
            "2024-01-08": "98.01",
        }
    }
    BODY = portfolio(
        tx("buy", "2024-01-01", quantity="1", price="100"),
        as_of="2024-01-08",
        prices=PRICES,
        benchmarks={
            "I": {
                "2023-12-29": "50",
                "2024-01-02": "55",
                "2024-01-03": "49.5",
                "2024-01-04": "54.45",
                "2024-01-08": "49.005",
            }
        },
    )
    UP, DOWN = math.log(1.1), math.log(0.9)

    def test_returns_run_between_weekdays_after_from(self):
        returns = [self.UP, self.DOWN, self.UP, 0.0, self.DOWN]
        mean = sum(returns) / 5
        deviation = math.sqrt(sum((r - mean) ** 2 for r in returns) / 4)
        down = math.sqrt(sum(min(r, 0) ** 2 for r in returns) / 4)
        result = figures(self.BODY)["performance"]
        assert result["volatility"] == pytest.approx(deviation * math.sqrt(252))
        assert result["downside_deviation"] == pytest.approx(down * math.sqrt(252))
        assert result["sharpe"] == pytest.approx(mean * 252 / (deviation * math.sqrt(252)))
        assert result["sortino"] == pytest.approx(mean * 252 / (down * math.sqrt(252)))
        assert (result["best_day"], result["worst_day"]) == pytest.approx((0.1, -0.1))

    def test_crypto_alone_counts_every_day_and_365(self):
        coins = {**self.BODY, "instruments": [{"id": "A", "currency": "USD", "asset_class": "crypto"}]}
        returns = [self.UP, self.DOWN, self.UP, 0.0, 0.0, 0.0, self.DOWN]
        mean = sum(returns) / 7
        deviation = math.sqrt(sum((r - mean) ** 2 for r in returns) / 6)
        assert figures(coins)["performance"]["volatility"] == pytest.approx(deviation * math.sqrt(365))

    def test_fewer_than_two_returns_have_no_volatility(self):
        assert figures(self.BODY, end="2024-01-02")["performance"]["volatility"] is None
        assert figures(self.BODY, end="2024-01-03")["performance"]["volatility"] is not None

    def test_drawdown_has_its_dates(self):
        result = figures(self.BODY)["performance"]
        assert result["max_drawdown"] == pytest.approx(1 - 98.01 / 110)
        assert result["max_drawdown_from"] == "2024-01-02"
        assert result["max_drawdown_to"] == "2024-01-08"
        assert result["max_drawdown_recovered"] is None

    def test_drawdown_starts_on_the_last_day_of_the_peak_and_ends_with_recovery(self):
        prices = {
            "2024-01-01": "100",
            "2024-01-03": "120",
            "2024-01-06": "90",
            "2024-01-09": "120",
            "2024-01-10": "119",
        }
        body = portfolio(
            tx("buy", "2024-01-01", quantity="1", price="100"), as_of="2024-01-10", prices={"A": prices}
        )
        result = figures(body)["performance"]
        assert result["max_drawdown"] == pytest.approx(0.25)
        dates = [result[f"max_drawdown_{name}"] for name in ("from", "to", "recovered")]
        assert dates == ["2024-01-05", "2024-01-06", "2024-01-09"]

    def test_a_benchmark_that_moves_alike(self):
        result = figures(self.BODY, benchmark="I")["performance"]["benchmark"]
        assert result["beta"] == pytest.approx(1)
        assert result["correlation"] == pytest.approx(1)
        assert result["alpha"] == pytest.approx(0, abs=1e-9)
        assert result["tracking_error"] == pytest.approx(0, abs=1e-9)
        assert result["twr"] == pytest.approx(-0.0199)

    def test_the_risk_free_rate_of_the_file_counts(self):
        before, after = (
            figures(self.BODY)["performance"],
            figures({**self.BODY, "risk_free_rate": "0.05"})["performance"],
        )
        assert before["sharpe"] - after["sharpe"] == pytest.approx(0.05 / before["volatility"])

    def test_simple_return_is_the_gain_on_what_was_put_in(self):
        assert figures(self.BODY)["performance"]["simple_return"] == pytest.approx(-0.0199)
