"""Published rates of regulatory and exchange fees, each with the day it applies from and where it was published.

A new rate is a new line at the end of its table: what was booked before keeps the rate of its day.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class SecRate:
    """Section 31 fee of the SEC on sales of stocks: a fraction of the amount."""

    since: date
    fraction: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class TafRate:
    """Trading Activity Fee of FINRA on sales of stocks: an amount a share, with a most per trade."""

    since: date
    per_share: Decimal
    most: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class CryptoTier:
    """Maker and taker fee of a crypto venue from a 30-day volume (USD) on, as fractions of what is received."""

    volume_from: Decimal
    maker: Decimal
    taker: Decimal


SEC_RATES: tuple[SecRate, ...] = (
    SecRate(
        date(2024, 5, 22),
        Decimal("0.0000278"),
        "SEC fee rate advisory #2 for fiscal year 2024 (Release 34-99973, 89 FR 29402)",
    ),
    SecRate(date(2025, 5, 14), Decimal(0), "SEC fee rate advisory #2 for fiscal year 2025"),
    # In force until 60 days after the appropriation of fiscal year 2027.
    SecRate(
        date(2026, 4, 4),
        Decimal("0.0000206"),
        "SEC fee rate advisory #2 for fiscal year 2026 (Release 34-104909, 91 FR 10643)",
    ),
)
TAF_RATES: tuple[TafRate, ...] = (
    TafRate(
        date(2024, 1, 1), Decimal("0.000166"), Decimal("8.30"), "FINRA By-Laws, Schedule A, section 1 (2024)"
    ),
    TafRate(
        date(2026, 1, 1), Decimal("0.000195"), Decimal("9.79"), "FINRA SR-FINRA-2024-019 (Release 34-101696)"
    ),
    # A quarter without the fee; then what was in force before, held until the end of 2028.
    TafRate(date(2026, 10, 1), Decimal(0), Decimal(0), "FINRA SR-FINRA-2026-021 (Release 34-106409)"),
    TafRate(date(2027, 1, 1), Decimal("0.000195"), Decimal("9.79"), "FINRA SR-FINRA-2026-020 and 2026-021"),
)
#: Alpaca's published crypto fee table, in force since 13 March 2023 (support page "Crypto maker/taker FAQ").
CRYPTO_TIERS: tuple[CryptoTier, ...] = (
    CryptoTier(Decimal(0), Decimal("0.0015"), Decimal("0.0025")),
    CryptoTier(Decimal(100_000), Decimal("0.0012"), Decimal("0.0022")),
    CryptoTier(Decimal(500_000), Decimal("0.0010"), Decimal("0.0020")),
    CryptoTier(Decimal(1_000_000), Decimal("0.0008"), Decimal("0.0018")),
    CryptoTier(Decimal(10_000_000), Decimal("0.0005"), Decimal("0.0015")),
    CryptoTier(Decimal(25_000_000), Decimal("0.0002"), Decimal("0.0013")),
    CryptoTier(Decimal(50_000_000), Decimal("0.0002"), Decimal("0.0012")),
    CryptoTier(Decimal(100_000_000), Decimal(0), Decimal("0.0010")),
)


def sec_rate(on: date) -> SecRate:
    """The rate in force on a day; before the table's first day, the first."""
    return SEC_RATES[max(bisect_right([rate.since for rate in SEC_RATES], on) - 1, 0)]


def taf_rate(on: date) -> TafRate:
    """The rate in force on a day; before the table's first day, the first."""
    return TAF_RATES[max(bisect_right([rate.since for rate in TAF_RATES], on) - 1, 0)]


def crypto_tier(volume: Decimal) -> CryptoTier:
    """The tier of a 30-day volume."""
    return CRYPTO_TIERS[max(bisect_right([tier.volume_from for tier in CRYPTO_TIERS], volume) - 1, 0)]
