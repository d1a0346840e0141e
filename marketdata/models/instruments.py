"""Market data: what can have a price."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KT
from django.db.models.functions import Lower, Upper

from marketdata.domain.numbers import cusip_is_valid, figi_is_valid, isin_is_valid
from marketdata.models.visibility import may_see
from portfolio_site.kernel.fields import PriceField, QuantityField
from portfolio_site.kernel.money import QUOTING_UNITS

validate_currency_code = RegexValidator(
    r"\A[A-Z0-9]{3,8}\Z", "Use a currency code in capitals such as EUR or USD.", code="currency"
)
validate_mic = RegexValidator(r"\A[A-Z0-9]{4}\Z", "A market identifier (MIC) has four signs, such as XNAS.")
validate_country = RegexValidator(r"\A[A-Z]{2}\Z", "A country code has two letters, such as US.")


def validate_isin(value: str) -> None:
    """Refuse what is no ISIN, a mistyped one included."""
    if not isin_is_valid(value):
        raise ValidationError(
            "An ISIN has two letters, nine signs and a check digit; this one is mistyped.", code="isin"
        )


def validate_cusip(value: str) -> None:
    """Refuse what is no CUSIP, a mistyped one included."""
    if not cusip_is_valid(value):
        raise ValidationError(
            "A CUSIP has eight signs and a check digit; this one is mistyped.", code="cusip"
        )


def validate_figi(value: str) -> None:
    """Refuse what is no FIGI, a mistyped one included."""
    if not figi_is_valid(value):
        raise ValidationError(
            "A FIGI has twelve signs, the third a G, the last a check digit; this one is mistyped.",
            code="figi",
        )


def _quoting_units() -> Q:
    """Quoting units that go with the currency: pence with pounds."""
    fitting = Q(quoted_in="")
    for unit, (currency, _) in QUOTING_UNITS.items():
        fitting |= Q(quoted_in=unit, currency=currency)
    return fitting


class AssetClass(models.TextChoices):
    """What kind of thing an instrument is."""

    EQUITY = "equity", "Stock"
    ETF = "etf", "ETF"
    FUND = "fund", "Fund"
    BOND = "bond", "Bond"
    CRYPTO = "crypto", "Crypto"
    COMMODITY = "commodity", "Commodity"
    REAL_ESTATE = "real_estate", "Property"
    PRIVATE = "private", "Private holding"
    CURRENCY = "currency", "Currency"
    INDEX = "index", "Index"
    OTHER = "other", "Other"


class QuoteUnit(models.TextChoices):
    """What a price counts: money per unit, or percent of the nominal value (bonds)."""

    UNIT = "unit", "Price per unit"
    PERCENT = "percent", "Percent of nominal"


class InstrumentQuerySet(models.QuerySet["Instrument"]):
    """Filters that read as sentences."""

    def visible_to(self, user: Any) -> Self:
        """What this person may see: the shared list and their own entries."""
        return self.filter(may_see(user))

    def shared(self) -> Self:
        """The list that everybody sees."""
        return self.filter(owner__isnull=True)

    def active(self) -> Self:
        """Still quoted."""
        return self.filter(is_active=True)


class Instrument(models.Model):
    """Something that has a price: a share, a fund, a bond, a coin, an index, or a thing of one's own."""

    public_id = models.UUIDField(
        unique=True,
        editable=False,
        db_default=RandomUUID(),
        help_text="Its name for programs: the same for good, and telling nothing of how many there are.",
    )
    symbol = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    asset_class = models.CharField(max_length=16, choices=AssetClass, default=AssetClass.EQUITY)
    currency = models.CharField(max_length=8, validators=[validate_currency_code])
    quoted_in = models.CharField(
        max_length=8,
        blank=True,
        help_text="Unit in which providers quote where it is not the currency: GBp for pence, ZAc for cents.",
    )
    exchange = models.CharField(
        max_length=4,
        blank=True,
        validators=[validate_mic],
        help_text="Market identifier code (MIC), such as XNAS.",
    )
    isin = models.CharField("ISIN", max_length=12, blank=True, validators=[validate_isin])
    cusip = models.CharField("CUSIP", max_length=9, blank=True, validators=[validate_cusip])
    figi = models.CharField("FIGI", max_length=12, blank=True, validators=[validate_figi])
    sector = models.CharField(max_length=60, blank=True)
    country = models.CharField(max_length=2, blank=True, validators=[validate_country])
    multiplier = QuantityField(default=Decimal(1), help_text="Units of the underlying in one contract.")
    quote_unit = models.CharField(max_length=8, choices=QuoteUnit, default=QuoteUnit.UNIT)
    quantity_step = QuantityField(
        default=Decimal("0.000000001"), help_text="The smallest amount that can be traded, and its multiples."
    )
    coupon_rate = models.DecimalField(
        max_digits=9, decimal_places=6, null=True, blank=True, help_text="Bonds: percent of nominal a year."
    )
    maturity_date = models.DateField(null=True, blank=True)
    provider = models.CharField(max_length=20, default="manual", help_text="Who gives its prices.")
    fallback_providers = ArrayField(
        models.CharField(max_length=20),
        default=list,
        blank=True,
        db_default=[],
        help_text="Who is asked next when that one cannot answer, in this order. The simulated market never stands in.",
    )
    provider_symbols = models.JSONField(
        default=dict, blank=True, help_text='How each provider calls it: {"yahoo": "SAP.DE"}.'
    )
    anchor_date = models.DateField(null=True, blank=True, editable=False)
    anchor_price = PriceField(
        null=True,
        blank=True,
        editable=False,
        help_text="The last close from a real source: what is simulated goes on from there.",
    )
    is_active = models.BooleanField(
        default=True, help_text="Off for what is delisted: history stays, quotes stop."
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty for the list that everybody sees.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    symbol_key = models.GeneratedField(
        expression=Upper("symbol"), output_field=models.CharField(max_length=40), db_persist=True
    )
    name_key = models.GeneratedField(
        expression=Lower("name"), output_field=models.CharField(max_length=200), db_persist=True
    )

    objects = InstrumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "symbol_key",
                "exchange",
                condition=Q(owner__isnull=True),
                name="instrument_shared_symbol_unique",
            ),
            models.UniqueConstraint(
                "owner",
                "symbol_key",
                condition=Q(owner__isnull=False),
                name="instrument_own_symbol_unique",
                violation_error_message="You already have an instrument with this symbol.",
            ),
            models.CheckConstraint(condition=~Q(symbol=""), name="instrument_has_symbol"),
            models.CheckConstraint(condition=Q(multiplier__gt=0), name="instrument_multiplier_positive"),
            models.CheckConstraint(condition=Q(quantity_step__gt=0), name="instrument_step_positive"),
            models.CheckConstraint(
                condition=Q(anchor_date__isnull=True, anchor_price__isnull=True)
                | Q(anchor_date__isnull=False, anchor_price__gt=0),
                name="instrument_anchor_whole",
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z0-9]{3,8}$"), name="instrument_currency_is_major_code"
            ),
            models.CheckConstraint(
                condition=_quoting_units(),
                name="instrument_quoting_unit_of_currency",
                violation_error_message="The quoting unit must be a hundredth of the currency: GBp with GBP, ZAc with"
                " ZAR, ILA with ILS; empty where prices are in the currency itself.",
            ),
            models.CheckConstraint(
                condition=Q(asset_class__in=AssetClass.values), name="instrument_asset_class_known"
            ),
            models.CheckConstraint(
                condition=Q(quote_unit__in=QuoteUnit.values), name="instrument_quote_unit_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["symbol_key"], name="instrument_symbol_prefix", opclasses=["varchar_pattern_ops"]
            ),
            models.Index(
                fields=["name_key"], name="instrument_name_prefix", opclasses=["varchar_pattern_ops"]
            ),
            models.Index(
                fields=["isin"],
                name="instrument_isin_prefix",
                opclasses=["varchar_pattern_ops"],
                condition=~Q(isin=""),
            ),
            GinIndex(SearchVector("name", config="simple"), name="instrument_name_words"),
            models.Index(Upper(KT("provider_symbols__yahoo")), name="instrument_yahoo_name"),
            models.Index(fields=["cusip"], name="instrument_cusip", condition=~Q(cusip="")),
            models.Index(fields=["figi"], name="instrument_figi", condition=~Q(figi="")),
            models.Index(fields=["provider"], name="instrument_provider", condition=Q(is_active=True)),
            models.Index(fields=["asset_class", "symbol_key"], name="instrument_class_symbol"),
        ]

    def __str__(self) -> str:
        return self.symbol

    @property
    def is_tradable(self) -> bool:
        """Whether an order can be given for it: indices, rates and one's own hand-kept things cannot be
        bought here."""
        return (
            self.is_active
            and self.owner_id is None
            and self.asset_class not in (AssetClass.INDEX, AssetClass.CURRENCY)
        )

    @property
    def providers(self) -> list[str]:
        """Who gives its prices, first choice first, each once."""
        return list(dict.fromkeys([self.provider, *self.fallback_providers]))

    @property
    def is_simulated(self) -> bool:
        """Whether its prices are made up."""
        return self.provider == "simulated"
