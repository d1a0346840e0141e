"""Backups: what is put away comes back as it was; what is damaged or foreign changes nothing."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from documents.operations import open_document
from documents.queries import DocumentView
from holdings import operations, queries
from holdings.entries import Entry
from holdings.models import Portfolio, TargetWeight, Transaction
from holdings.operations import EntryRefused, PaperJournalClosed, PortfolioUnknown, RestoreRefused
from holdings.operations.targets import set_targets
from holdings.tests.support import (
    NOW,
    D,
    assert_books_are_right,
    make_instrument,
    make_portfolio,
    make_prices,
    make_rates,
    post,
)
from marketdata.models import Instrument
from marketdata.operations import create_watchlist
from marketdata.queries import watchlists_of

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def full(owner: Any) -> Portfolio:
    """A portfolio with a bit of everything, in two currencies, at average cost."""
    share, house = make_instrument("ACME"), make_instrument("HOUSE", owner=owner, asset_class="private")
    make_prices(share, {"2026-01-05": "100", "2026-05-29": "150"})
    make_prices(house, {"2026-01-05": "1000"})
    make_rates(EURUSD="1.25")
    portfolio = make_portfolio(owner, cost_basis_method="average", risk_free_rate=D("0.0125"))
    post(portfolio, "deposit", "2026-01-02", amount="10000", currency="USD")
    post(portfolio, "buy", "2026-01-05", instrument_id=share.pk, quantity="10", price="100", fees="1.5")
    post(portfolio, "buy", "2026-01-06", instrument_id=share.pk, quantity="10", price="110")
    post(
        portfolio,
        "buy",
        "2026-01-06",
        instrument_id=share.pk,
        quantity="10",
        price="110",
        note="the same again",
    )
    post(portfolio, "dividend", "2026-02-02", instrument_id=share.pk, amount="7", taxes="1")
    post(portfolio, "delivery_in", "2026-01-05", instrument_id=house.pk, quantity="1", cost="900")
    post(portfolio, "split", "2026-03-02", instrument_id=share.pk, ratio="2:1")
    post(portfolio, "sell", "2026-04-02", instrument_id=share.pk, quantity="15", price="60", tags=("profit",))
    return portfolio


def content_of(document: DocumentView) -> io.BytesIO:
    owner = get_user_model().objects.get(pk=document.owner_id)
    _, file = open_document(document_id=document.id, actor=owner, now=LATER)
    with file:
        return io.BytesIO(file.read())


def back(owner: Any, content: io.BytesIO, **more: Any) -> operations.RestoreOutcome:
    content.seek(0)
    return operations.restore_backup(
        owner=owner, content=content, file="portfolio-001.json", now=LATER, **more
    )


def restored(outcome: operations.RestoreOutcome) -> Portfolio:
    assert outcome.portfolio_id is not None
    return Portfolio.objects.get(pk=outcome.portfolio_id)


def figures(portfolio: Portfolio) -> Any:
    now = queries.snapshot(Portfolio.objects.select_related("owner").get(pk=portfolio.pk), now=LATER)
    return (
        now.net_worth, now.cost_basis, now.realised_gain, now.dividends, now.fees, now.net_contributions,
        [(row.symbol, row.quantity, row.cost_basis) for row in now.holdings],
    )  # fmt: skip


class TestMakeBackup:
    def test_holds_every_portfolio_and_says_so(self, owner: Any, full: Portfolio) -> None:
        make_portfolio(owner, name="Second", base_currency="USD")
        made = operations.make_backup(owner=owner, now=NOW)
        manifest = operations.look_into_backup(content=content_of(made))
        assert [(m.name, m.entries, m.base_currency) for m in manifest.members] == [
            ("Long run", 8, "EUR"),
            ("Second", 0, "USD"),
        ]
        assert manifest.owner == owner.email
        assert operations.backups_for(owner, now=NOW) == [made]
        assert made.filename.startswith("holdfast-all-2026-06-01T")

    def test_is_the_owners_alone(self, owner: Any, outsider: Any, auditor: Any, full: Portfolio) -> None:
        operations.make_backup(owner=owner, now=NOW)
        for person in (outsider, auditor):
            assert operations.backups_for(person, now=NOW) == []
            with pytest.raises(PortfolioUnknown):
                operations.make_backup(owner=person, portfolio_id=full.pk, now=NOW)

    def test_without_a_portfolio_there_is_nothing_to_do(self, owner: Any) -> None:
        with pytest.raises(operations.NothingToBackUp):
            operations.make_backup(owner=owner, now=NOW)


class TestRestore:
    def test_into_a_new_portfolio_gives_the_same_figures(self, owner: Any, full: Portfolio) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        outcome = back(owner, content)
        assert outcome.portfolio_id is not None
        made = Portfolio.objects.get(pk=outcome.portfolio_id)
        assert (outcome.added, outcome.unchanged, outcome.is_new) == (8, 0, True)
        assert (made.name, made.cost_basis_method) == ("Long run (restored 1)", "average")
        assert made.risk_free_rate == D("0.0125")
        assert figures(made) == figures(full)
        assert_books_are_right(made)

    def test_of_what_was_just_backed_up_changes_nothing(self, owner: Any, full: Portfolio) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        for exact in (False, True):
            outcome = back(owner, content, portfolio_id=full.pk, is_exact=exact)
            assert outcome.changes_nothing
            assert outcome.unchanged == 8
        full.refresh_from_db()
        assert Transaction.objects.filter(portfolio=full).count() == 8
        assert not full.imports.exists()

    def test_of_a_restored_portfolio_changes_nothing_either(self, owner: Any, full: Portfolio) -> None:
        restored = back(owner, content_of(operations.make_backup(owner=owner, now=NOW)))
        again = content_of(operations.make_backup(owner=owner, portfolio_id=restored.portfolio_id, now=LATER))
        assert back(owner, again, portfolio_id=restored.portfolio_id).changes_nothing

    def test_brings_back_what_was_removed_and_corrected(self, owner: Any, full: Portfolio) -> None:
        before = figures(full)
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        at = NOW + timedelta(minutes=5)
        rows = list(Transaction.objects.filter(portfolio=full).order_by("sequence"))
        operations.void_transaction(portfolio_id=full.pk, transaction_id=rows[4].pk, actor=owner, now=at)
        share = rows[1].instrument_id
        operations.correct_transaction(
            portfolio_id=full.pk, transaction_id=rows[7].pk, actor=owner, now=at,
            entry=Entry(type="sell", occurred=date(2026, 4, 2), instrument_id=share, quantity=Decimal(55),
                        price=Decimal(60)),
        )  # fmt: skip
        post(full, "deposit", "2026-05-01", amount="5", currency="USD", now=at)
        assert figures(full) != before

        seen = back(owner, content, portfolio_id=full.pk, is_exact=True, is_preview=True)
        assert (seen.added, seen.removed, seen.unchanged) == (2, 2, 6)
        assert figures(full) != before
        done = back(owner, content, portfolio_id=full.pk, is_exact=True)
        assert (done.added, done.removed, done.cash, done.holdings) == (
            seen.added, seen.removed, seen.cash, seen.holdings,
        )  # fmt: skip
        assert figures(full) == before
        assert_books_are_right(full)

    def test_keeps_what_came_later_unless_told_otherwise(self, owner: Any, full: Portfolio) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        post(full, "deposit", "2026-05-01", amount="5", currency="USD", now=NOW + timedelta(minutes=5))
        assert back(owner, content, portfolio_id=full.pk).changes_nothing
        assert Transaction.objects.filter(portfolio=full).counting().count() == 9

    def test_a_preview_leaves_nothing_behind(self, owner: Any, full: Portfolio) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        assert back(owner, content, is_preview=True).added == 8
        assert Portfolio.objects.count() == 1

    def test_goes_into_ones_own_portfolios_only(
        self, owner: Any, outsider: Any, auditor: Any, full: Portfolio
    ) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        for person in (outsider, auditor):
            with pytest.raises(PortfolioUnknown):
                back(person, content, portfolio_id=full.pk)
        paper = make_portfolio(owner, name="Paper", kind="paper")
        with pytest.raises(PaperJournalClosed):
            back(owner, content, portfolio_id=paper.pk)

    def test_half_of_a_backup_is_not_restored(self, owner: Any, full: Portfolio) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        target = make_portfolio(owner, name="Other")
        post(target, "deposit", "2026-01-02", amount="1", currency="USD")
        rebuilt = rewritten(content, lambda text: text.replace('"quantity": "15"', '"quantity": "1500"'))
        with pytest.raises((RestoreRefused, EntryRefused)):
            back(owner, rebuilt, portfolio_id=target.pk)
        assert Transaction.objects.filter(portfolio=target).count() == 1

    def test_into_what_was_restored_changes_nothing_even_exactly(self, owner: Any, full: Portfolio) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        made = restored(back(owner, content))
        rows = Transaction.objects.filter(portfolio=made).count()
        again = back(owner, content, portfolio_id=made.pk, is_exact=True)
        assert (again.changes_nothing, again.unchanged) == (True, 8)
        assert Transaction.objects.filter(portfolio=made).count() == rows

    def test_an_account_that_may_borrow_may_borrow_again(self, owner: Any) -> None:
        share = make_instrument("ACME")
        make_prices(share, {"2026-01-05": "100"})
        margin = make_portfolio(owner, base_currency="USD", allow_negative_cash=True)
        post(margin, "deposit", "2026-01-02", amount="100", currency="USD")
        post(margin, "buy", "2026-01-05", instrument_id=share.pk, quantity="3", price="100")
        made = restored(back(owner, content_of(operations.make_backup(owner=owner, now=NOW))))
        assert made.allow_negative_cash
        assert queries.cash_balance(made.pk, "USD") == D(-200)
        assert figures(made) == figures(margin)

    def test_named_lots_stay_named(self, owner: Any) -> None:
        share = make_instrument("ACME")
        make_prices(share, {"2026-01-05": "100"})
        books = make_portfolio(owner, base_currency="USD")
        sale = {"instrument_id": share.pk, "quantity": "1", "price": "150"}
        post(books, "buy", "2026-01-05", instrument_id=share.pk, quantity="1", price="100")
        second = post(books, "buy", "2026-01-06", instrument_id=share.pk, quantity="1", price="120")
        post(books, "sell", "2026-02-02", **sale, lots=(second.pk,))
        before = figures(books)
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        made = restored(back(owner, content))
        assert figures(made) == before
        assert_books_are_right(made)
        # In the books there already: the sale finds the purchase that it closed.
        gone = Transaction.objects.get(portfolio=books, type="sell")
        operations.void_transaction(portfolio_id=books.pk, transaction_id=gone.pk, actor=owner, now=LATER)
        assert back(owner, content, portfolio_id=books.pk).added == 1
        assert figures(books) == before

    def test_asks_no_more_of_the_database_for_a_longer_journal(
        self, owner: Any, django_assert_max_num_queries: Any
    ) -> None:
        share = make_instrument("ACME")
        make_prices(share, {"2026-01-05": "100"})
        books = make_portfolio(owner, base_currency="USD")
        entries = [
            Entry(
                type="buy",
                occurred=date(2026, 1, 5),
                instrument_id=share.pk,
                quantity=D(1),
                price=D(100 + number),
            )
            for number in range(300)
        ]
        operations.post_transactions(portfolio_id=books.pk, entries=entries, actor=owner, now=NOW)
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        with django_assert_max_num_queries(75):
            outcome = back(owner, content)
        assert outcome.added == 300
        assert figures(restored(outcome)) == figures(books)


def said(**own: Any) -> str:
    """What stands beside a portfolio, as text."""
    watchlists = own.pop("watchlists", [])
    portfolios = {"portfolio-001.json": {"planned": [], "targets": {}} | own}
    return json.dumps(
        {"format": "holdfast-beside/1", "instruments": {}, "watchlists": watchlists, "portfolios": portfolios}
    )


class TestBesidePortfolios:
    @pytest.fixture
    def plans(self, owner: Any, full: Portfolio) -> Portfolio:
        """The full portfolio, with planned entries, targets, and watchlists of its owner."""
        share = Transaction.objects.filter(portfolio=full, type="buy").values_list(
            "instrument_id", flat=True
        )[0]
        watched = make_instrument("WATCHED")
        planned = [
            Entry(type="deposit", occurred=date(2026, 9, 1), amount=D(250), currency="EUR", note="monthly"),
            Entry(
                type="sell",
                occurred=date(2026, 9, 2),
                instrument_id=share,
                quantity=D(3),
                price=D(70),
                fees=D(1),
            ),
        ]
        operations.post_transactions(portfolio_id=full.pk, entries=planned, actor=owner, now=NOW)
        set_targets(
            portfolio_id=full.pk, dimension="instrument", weights={str(share): D("0.6")}, actor=owner, now=NOW
        )
        set_targets(
            portfolio_id=full.pk, dimension="currency", weights={"EUR": D("0.25")}, actor=owner, now=NOW
        )
        create_watchlist(owner=owner, name="Next", instrument_ids=[watched.pk, share], now=NOW)
        create_watchlist(owner=owner, name="Empty", now=NOW)
        return full

    def told(self, portfolio: Portfolio) -> Any:
        """Planned entries and targets, with names for numbers."""
        symbols = {str(row.pk): row.symbol for row in Instrument.objects.all()}
        planned = [
            (row.occurred_date, row.entry["type"], row.entry.get("amount"), row.entry.get("quantity"),
             symbols.get(str(row.entry.get("instrument_id"))), row.entry.get("note"))
            for row in queries.drafts_of(portfolio)
        ]  # fmt: skip
        targets = TargetWeight.objects.filter(portfolio=portfolio).values_list("dimension", "key", "weight")
        return planned, sorted(
            (dimension, symbols.get(key, key), weight) for dimension, key, weight in targets
        )

    def watchlists(self, person: Any) -> list[tuple[str, list[str]]]:
        symbols = dict(Instrument.objects.values_list("pk", "symbol"))
        return [(one.name, [symbols[pk] for pk in one.instrument_ids]) for one in watchlists_of(person)]

    def test_come_back_for_somebody_who_has_nothing(
        self, owner: Any, outsider: Any, plans: Portfolio
    ) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        seen = back(outsider, content, is_preview=True)
        assert watchlists_of(outsider) == []
        done = back(outsider, content)
        for outcome in (seen, done):
            assert (outcome.added, outcome.planned, outcome.targets) == (10, 2, 2)
            assert outcome.watchlists == ("Next", "Empty")
        made = restored(done)
        assert self.told(made) == self.told(plans)
        assert len(self.told(made)[0]) == 2
        assert self.watchlists(outsider) == self.watchlists(owner)
        assert figures(made) == figures(plans)

    def test_change_nothing_where_they_are(self, owner: Any, plans: Portfolio) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        for exact in (False, True):
            assert back(owner, content, portfolio_id=plans.pk, is_exact=exact).changes_nothing
        assert not plans.imports.exists()

    def test_what_is_there_stays(self, owner: Any, plans: Portfolio) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        set_targets(
            portfolio_id=plans.pk, dimension="currency", weights={"USD": D("0.5")}, actor=owner, now=NOW
        )
        kept = back(owner, content, portfolio_id=plans.pk)
        assert kept.changes_nothing
        exact = back(owner, content, portfolio_id=plans.pk, is_exact=True)
        assert (exact.targets, exact.changes_nothing) == (1, False)
        assert ("currency", "EUR", D("0.25")) in self.told(plans)[1]

    def test_what_was_booked_on_its_day_is_not_planned_again(self, owner: Any, plans: Portfolio) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        later = NOW + timedelta(days=120)
        assert operations.post_due_drafts(now=later) == 2
        content.seek(0)
        outcome = operations.restore_backup(
            owner=owner, content=content, file="portfolio-001.json", now=later, portfolio_id=plans.pk
        )
        assert outcome.changes_nothing
        assert queries.drafts_of(plans) == []

    def test_watchlists_are_in_a_backup_of_everything(
        self, owner: Any, outsider: Any, plans: Portfolio
    ) -> None:
        content = content_of(operations.make_backup(owner=owner, portfolio_id=plans.pk, now=NOW))
        outcome = back(outsider, content)
        assert (outcome.planned, outcome.targets, outcome.watchlists) == (2, 2, ())

    def test_an_older_backup_has_none(self, owner: Any, outsider: Any, plans: Portfolio) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        older = rewritten(content, lambda text: text)
        outcome = back(outsider, older)
        assert (outcome.added, outcome.planned, outcome.targets, outcome.watchlists) == (8, 0, 0, ())

    @pytest.mark.parametrize(
        "beside",
        ["", "[]", "{}", '{"format": "holdfast-beside/2"}', '{"format": "holdfast-beside/1", "portfolios": []}',
         said(watchlists=[{"name": "x", "instruments": ["1"]}]),
         said(planned=[{"type": "buy", "occurred": 1}]),
         said(planned=[{"type": "nonsense", "occurred": "2026-09-01"}]),
         said(planned=[{"type": "deposit", "occurred": "2026-09-01", "amount": "1e99", "currency": "EUR"}]),
         said(planned=[{"type": "deposit", "occurred": "2026-09-01", "amount": "1", "surprise": {}}]),
         said(targets={"currency": {"EUR": "7"}}),
         said(targets={"currency": {"EUR": "NaN"}}),
         said(targets={"nonsense": {"EUR": "0.5"}})],
    )  # fmt: skip
    def test_what_cannot_be_read_changes_nothing(
        self, owner: Any, outsider: Any, plans: Portfolio, beside: str
    ) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        with pytest.raises(RestoreRefused):
            back(outsider, rewritten(content, lambda text: text, beside=beside))
        assert not Portfolio.objects.filter(owner=outsider).exists()
        assert watchlists_of(outsider) == []

    def test_a_damaged_one_is_noticed(self, owner: Any, outsider: Any, plans: Portfolio) -> None:
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        with pytest.raises(RestoreRefused, match="checksum"):
            back(outsider, rewritten(content, lambda text: text, beside="{}", mend=False))


def rewritten(
    content: io.BytesIO, change: Any, *, mend: bool = True, beside: str | None = None
) -> io.BytesIO:
    """The archive with its portfolio changed, and what stands beside it replaced or left out; with `mend` the manifest is made
    to agree."""
    import hashlib

    target = io.BytesIO()
    content.seek(0)
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(target, "w") as new:
        text = change(old.read("portfolio-001.json").decode()).encode()
        manifest = json.loads(old.read("manifest.json"))
        if beside is None:
            manifest.pop("beside", None)
        else:
            new.writestr("beside.json", beside)
        if mend:
            manifest["portfolios"][0] |= {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()}
        if mend and beside is not None:
            manifest["beside"] = {
                "size": len(beside.encode()),
                "sha256": hashlib.sha256(beside.encode()).hexdigest(),
            }
        new.writestr("portfolio-001.json", text)
        new.writestr("manifest.json", json.dumps(manifest))
    return target


class TestDamage:
    @pytest.fixture
    def whole(self, owner: Any, full: Portfolio) -> bytes:
        return content_of(operations.make_backup(owner=owner, now=NOW)).getvalue()

    def refused(self, owner: Any, content: bytes | io.BytesIO) -> str:
        count = Transaction.objects.count()
        with pytest.raises(RestoreRefused) as caught:
            back(owner, content if isinstance(content, io.BytesIO) else io.BytesIO(content))
        assert (Portfolio.objects.count(), Transaction.objects.count()) == (1, count)
        return caught.value.message

    @pytest.mark.parametrize("part", [0, 1, 10, 100, -1, -22, -200])
    def test_truncated(self, owner: Any, whole: bytes, part: int) -> None:
        assert "backup" in self.refused(owner, whole[:part])

    def test_every_flipped_byte_is_noticed(self, owner: Any, whole: bytes) -> None:
        manifest = operations.look_into_backup(content=io.BytesIO(whole))
        unnoticed = 0
        for place in range(0, len(whole), 97):
            damaged = bytearray(whole)
            damaged[place] ^= 0x55
            try:
                # A stamp in the archive's own directory may differ: what is read must then be the same.
                unnoticed += operations.look_into_backup(content=io.BytesIO(damaged)) != manifest
            except RestoreRefused:
                continue
        assert unnoticed == 0

    def test_foreign_archives(self, owner: Any, whole: bytes) -> None:
        other = io.BytesIO()
        with zipfile.ZipFile(other, "w") as archive:
            archive.writestr("readme.txt", "hello")
        assert "no manifest" in self.refused(owner, other)
        changed = rewritten(io.BytesIO(whole), lambda text: text.replace("ACME", "EVIL"), mend=False)
        assert "checksum" in self.refused(owner, changed)

    @pytest.mark.parametrize(
        "manifest",
        [
            "[]", "{}", "null", "{", '{"format": "holdfast-backup/2"}', '{"format": "holdfast-backup/1"}',
            '{"format": "holdfast-backup/1", "created_at": "x", "owner": "", "portfolios": []}',
            '{"format": "holdfast-backup/1", "created_at": "2026-01-01", "owner": "", "portfolios": []}',
            '{"format": "holdfast-backup/1", "created_at": "2026-01-01T00:00:00+00:00", "portfolios": [{"file": "x"}]}',
        ],
    )  # fmt: skip
    def test_strange_manifests(self, owner: Any, full: Portfolio, manifest: str) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("manifest.json", manifest)
        self.refused(owner, file)

    def test_a_bomb_is_not_unpacked(self, owner: Any, whole: bytes) -> None:
        bomb = rewritten(io.BytesIO(whole), lambda text: text + " " * 50_000_000, mend=False)
        assert "checksum" in self.refused(owner, bomb)


class TestPlan:
    def test_runs_when_due_and_lets_go_of_its_oldest(self, owner: Any, full: Portfolio) -> None:
        by_hand = operations.make_backup(owner=owner, now=NOW)
        plan = operations.set_backup_plan(owner=owner, every="daily", keep=2, now=NOW)
        for day in range(4):
            at = NOW + timedelta(days=day)
            assert operations.due_backup_plans(now=at) == [plan.pk]
            assert operations.carry_out_backup_plan(plan_id=plan.pk, now=at) is not None
            assert operations.due_backup_plans(now=at + timedelta(hours=23)) == []
            assert operations.carry_out_backup_plan(plan_id=plan.pk, now=at) is None
        kept = operations.backups_for(owner, now=NOW + timedelta(days=4))
        assert [row.created_at for row in kept] == [NOW + timedelta(days=3), NOW + timedelta(days=2), NOW]
        assert kept[-1] == by_hand

    def test_a_worker_that_dies_makes_no_second(self, owner: Any, full: Portfolio, monkeypatch: Any) -> None:
        plan = operations.set_backup_plan(owner=owner, every="weekly", keep=3, now=NOW)
        first = operations.carry_out_backup_plan(plan_id=plan.pk, now=NOW)
        type(plan).objects.update(last_run_at=None)
        assert operations.carry_out_backup_plan(plan_id=plan.pk, now=LATER) == first

    def test_never_means_never(self, owner: Any, full: Portfolio) -> None:
        operations.set_backup_plan(owner=owner, every="daily", keep=2, now=NOW)
        operations.set_backup_plan(owner=owner, every="never", keep=2, now=NOW)
        assert operations.due_backup_plans(now=NOW + timedelta(days=400)) == []
