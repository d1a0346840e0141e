"""Backups that mean harm: whatever is in them, they are restored or refused with the reason, and nothing in between."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection

from holdings import operations
from holdings.domain import backup_file
from holdings.entries import Entry
from holdings.management.portfolio_desk import Desk
from holdings.models import Portfolio, TargetWeight, Transaction
from holdings.operations import RestoreRefused
from holdings.operations.targets import TargetsRefused, set_targets
from holdings.tests.support import NOW, D, make_instrument, make_portfolio, post
from holdings.tests.test_backups import content_of
from marketdata.models import Instrument
from marketdata.operations import create_watchlist
from portfolio_site.kernel.errors import DomainError

HOSTILE: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 2**70, 10**30, "", "\x00", "\ud800", "x" * 5000, "²", "../../etc/passwd", "1e999", "NaN",
    [], ["x"], {}, {"x": 1}, "9999-12-31T23:59:59.999999-23:59", "<script>alert(1)</script>",
)  # fmt: skip


@pytest.fixture
def small(owner: Any) -> Portfolio:
    """A little of everything that a backup holds."""
    share = make_instrument("ACME")
    portfolio = make_portfolio(owner)
    post(portfolio, "deposit", "2026-01-02", amount="1000", currency="EUR", note="first", tags=("plan",))
    post(
        portfolio,
        "delivery_in",
        "2026-01-05",
        instrument_id=share.pk,
        quantity="2",
        price="100",
        fx_rate="0.8",
    )
    planned = Entry(type="deposit", occurred=date(2027, 3, 1), amount=D(5), currency="EUR", note="planned")
    operations.post_transactions(portfolio_id=portfolio.pk, entries=[planned], actor=owner, now=NOW)
    set_targets(
        portfolio_id=portfolio.pk,
        dimension="instrument",
        weights={str(share.pk): D("0.6")},
        actor=owner,
        now=NOW,
    )
    create_watchlist(owner=owner, name="Next", instrument_ids=[share.pk], now=NOW)
    return portfolio


@pytest.fixture
def parts(owner: Any, small: Portfolio) -> dict[str, Any]:
    """What is in its backup, as JSON by file."""
    content = content_of(operations.make_backup(owner=owner, now=NOW))
    with zipfile.ZipFile(content) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def packed(parts: dict[str, Any], *, mend: bool = True, **how: Any) -> io.BytesIO:
    """An archive of them; with `mend` its manifest tells of what is there."""
    texts = {name: json.dumps(part).encode() for name, part in parts.items() if name != "manifest.json"}
    manifest = json.loads(json.dumps(parts["manifest.json"]))
    if mend:
        for row in manifest["portfolios"]:
            row.update(_measured(texts[row["file"]]))
        manifest["beside"] = _measured(texts["beside.json"])
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", **how) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
        archive.writestr("manifest.json", json.dumps(manifest))
    target.seek(0)
    return target


def _measured(text: bytes) -> dict[str, Any]:
    return {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a JSON value something can be put in another's place."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, (*path, key))
    elif isinstance(value, list):
        for place, part in enumerate(value[:3]):
            yield from leaves(part, (*path, place))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with something else at a place."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return copy


def tried(owner: Any, content: io.BytesIO) -> str:
    """Look into it and restore it as a preview: the reason of the refusal, or nothing."""
    before = (Portfolio.objects.count(), Transaction.objects.count(), Instrument.objects.count())
    try:
        manifest = operations.look_into_backup(content=content)
        for member in manifest.members:
            operations.restore_backup(
                owner=owner, content=content, file=member.file, now=NOW, is_preview=True
            )
        said = ""
    except DomainError as refusal:
        said = refusal.message or "nothing is said"
    assert (Portfolio.objects.count(), Transaction.objects.count(), Instrument.objects.count()) == before
    return said


@pytest.mark.django_db
class TestWhatIsInIt:
    def test_a_manifest_of_nonsense_is_refused(self, outsider: Any, parts: dict[str, Any]) -> None:
        manifest = parts["manifest.json"]
        for path in leaves(manifest):
            for bad in HOSTILE:
                if _may_be(path[-1], bad):
                    continue
                content = packed({**parts, "manifest.json": put(manifest, path, bad)}, mend=False)
                with pytest.raises(RestoreRefused):
                    operations.look_into_backup(content=content)

    def test_texts_of_the_manifest_are_texts(self, outsider: Any, parts: dict[str, Any]) -> None:
        for name in ("name", "kind", "base_currency"):
            for bad in HOSTILE[::2]:
                manifest = put(parts["manifest.json"], ("portfolios", 0, name), bad)
                tried(outsider, packed({**parts, "manifest.json": manifest}))

    @pytest.mark.parametrize("file", ["portfolio-001.json", "beside.json"])
    def test_its_files_are_restored_or_refused(self, outsider: Any, parts: dict[str, Any], file: str) -> None:
        for number, path in enumerate(leaves(parts[file])):
            # Each place with some of them: a part of the time, and every kind of place with all.
            for bad in (*HOSTILE[number % 7 :: 7], ("\x00", "\ud800")[number % 2]):
                tried(outsider, packed({**parts, file: put(parts[file], path, bad)}))

    def test_names_of_things_too(self, outsider: Any, parts: dict[str, Any]) -> None:
        """Keys of objects: accounts, instruments, targets."""
        for file in ("portfolio-001.json", "beside.json"):
            for path in leaves(parts[file]):
                for bad in ("\x00", "\ud800"):
                    if isinstance(path[-1], str) and len(path) < 4:
                        content = put(parts[file], path, None)
                        inner = content
                        for step in path[:-1]:
                            inner = inner[step]
                        inner[bad] = inner.pop(path[-1])
                        tried(outsider, packed({**parts, file: content}))

    def test_numbers_of_another_site_name_nothing_here(
        self, outsider: Any, owner: Any, parts: dict[str, Any]
    ) -> None:
        """A target for a number that the backup does not describe is left out, whoever has a thing of that number."""
        house = make_instrument("HOUSE", owner=owner, asset_class="private")
        beside = put(
            parts["beside.json"], ("portfolios", "portfolio-001.json", "targets"),
            {"instrument": {str(house.pk): "0.5", "cash": "0.5"}},
        )  # fmt: skip
        content = packed({**parts, "beside.json": beside})
        outcome = operations.restore_backup(
            owner=outsider, content=content, file="portfolio-001.json", now=NOW
        )
        kept = TargetWeight.objects.filter(portfolio__pk=outcome.portfolio_id or 0).values_list(
            "key", flat=True
        )
        assert list(kept) == ["cash"]

    def test_a_planned_entry_names_things_by_the_backup_alone(
        self, outsider: Any, owner: Any, parts: dict[str, Any]
    ) -> None:
        house = make_instrument("HOUSE", owner=owner, asset_class="private")
        planned = {
            "type": "buy",
            "occurred": "2027-05-01",
            "instrument_id": str(house.pk),
            "quantity": "1",
            "price": "1",
        }
        where = ("portfolios", "portfolio-001.json", "planned", 0)
        assert tried(outsider, packed({**parts, "beside.json": put(parts["beside.json"], where, planned)}))


def _may_be(name: Any, value: Any) -> bool:
    """Whether a manifest may say this of itself; what it comes to is seen when it is restored."""
    if name in ("name", "kind", "base_currency", "created_at"):
        return isinstance(value, str)
    return name == "owner" or (name in ("portfolio_id", "entries") and value == 0)


@pytest.mark.django_db
class TestHowItIsPacked:
    @pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_in_another_way_than_ours(self, owner: Any, parts: dict[str, Any], how: int) -> None:
        assert "another way" in tried(owner, packed(parts, compression=how))

    def test_every_byte_changed_in_every_bit_is_noticed_or_means_nothing(
        self, owner: Any, parts: dict[str, Any]
    ) -> None:
        whole = packed(parts, compression=zipfile.ZIP_DEFLATED).getvalue()
        good = operations.look_into_backup(content=io.BytesIO(whole))
        for place in range(0, len(whole), 3):
            for flip in (0x01, 0x02, 0x0E, 0x80):
                damaged = bytearray(whole)
                damaged[place] ^= flip
                try:
                    found = operations.look_into_backup(content=io.BytesIO(damaged))
                except RestoreRefused:
                    continue
                assert found == good, place

    def test_twice_under_one_name(self, owner: Any, parts: dict[str, Any]) -> None:
        manifest = parts["manifest.json"]
        twice = {**manifest, "portfolios": manifest["portfolios"] * 2}
        content = packed({**parts, "manifest.json": twice})
        with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(content, "a") as archive:
            archive.writestr("portfolio-001.json", json.dumps(parts["portfolio-001.json"]))
        content.seek(0)
        assert tried(owner, content)

    def test_more_than_any_backup_comes_to(
        self, owner: Any, parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backup_file, "LARGEST_WHOLE", 100)
        assert "larger" in tried(owner, packed(parts))


@pytest.mark.django_db
class TestAllOrNothing:
    def test_of_several_portfolios(
        self, owner: Any, outsider: Any, small: Portfolio, monkeypatch: Any
    ) -> None:
        """The second does not fit: the first is not there either."""
        make_portfolio(owner, name="Second")
        content = content_of(operations.make_backup(owner=owner, now=NOW))
        real: Callable[..., Any] = operations.restore_backup

        def restore(**asked: Any) -> Any:
            if asked["file"] == "portfolio-002.json":
                raise RestoreRefused("It does not fit.", field="file")
            return real(**asked)

        monkeypatch.setattr(operations, "restore_backup", restore)
        with pytest.raises(RestoreRefused):
            Desk(outsider).restore(content, into=None)
        assert not Portfolio.objects.filter(owner=outsider).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "weights",
    [
        {"²": "0.5"},
        {"9" * 60: "0.5"},
        {"a\x00": "0.5"},
        {"": "0.5"},
        {"999999999": "0.5"},
        {"01": "0.5"},
        {"cash\n": "1"},
    ],
)
def test_targets_are_for_what_there_is(owner: Any, weights: dict[str, str]) -> None:
    portfolio = make_portfolio(owner)
    with pytest.raises(TargetsRefused):
        set_targets(
            portfolio_id=portfolio.pk, dimension="instrument",
            weights={key: D(weight) for key, weight in weights.items()}, actor=owner, now=NOW,
        )  # fmt: skip


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    @pytest.mark.parametrize("into_same", [True, False])
    def test_leave_what_one_leaves(self, owner: Any, small: Portfolio, into_same: bool) -> None:
        """Into one portfolio the second finds everything there; as new ones each is whole, under a name of its own."""
        raw = content_of(operations.make_backup(owner=owner, now=NOW)).getvalue()
        target = make_portfolio(owner, name="Target").pk if into_same else None
        ready, outcomes, errors = threading.Barrier(2), [], []

        def restore() -> None:
            try:
                ready.wait(10)
                outcomes.append(
                    operations.restore_backup(
                        owner=owner,
                        content=io.BytesIO(raw),
                        file="portfolio-001.json",
                        portfolio_id=target,
                        now=NOW,
                    )
                )
            except (DomainError, DatabaseError) as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=restore) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert errors == []
        if into_same:
            assert sorted(outcome.added for outcome in outcomes) == [0, 3]
            assert Transaction.objects.filter(portfolio_id=target or 0).count() == 2
        else:
            assert [outcome.added for outcome in outcomes] == [3, 3]
            assert Portfolio.objects.filter(owner=owner).count() == 3
