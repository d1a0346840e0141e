"""Market data: what the API says and takes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from marketdata.models import Instrument
from portfolio_site.kernel.api import DecimalString


class InstrumentSerializer(serializers.ModelSerializer[Instrument]):
    """An instrument."""

    multiplier = DecimalString(read_only=True, help_text="Units of the underlying in one contract.")
    quantity_step = DecimalString(read_only=True, help_text="The smallest amount that can be ordered.")
    coupon_rate = DecimalString(
        read_only=True, allow_null=True, help_text="Bonds: percent of nominal a year."
    )
    is_own = serializers.SerializerMethodField(help_text="Entered by you and seen by nobody else.")
    is_tradable = serializers.BooleanField(read_only=True, help_text="Whether an order can be given for it.")
    is_simulated = serializers.BooleanField(read_only=True, help_text="Whether its prices are made up.")

    class Meta:
        model = Instrument
        fields = [
            "id",
            "public_id",
            "symbol",
            "name",
            "asset_class",
            "currency",
            "quoted_in",
            "exchange",
            "isin",
            "cusip",
            "figi",
            "sector",
            "country",
            "multiplier",
            "quote_unit",
            "quantity_step",
            "coupon_rate",
            "maturity_date",
            "provider",
            "fallback_providers",
            "provider_symbols",
            "is_active",
            "is_own",
            "is_tradable",
            "is_simulated",
        ]
        read_only_fields = fields

    def get_is_own(self, instrument: Instrument) -> bool:
        """Whether the person who asks entered it."""
        return instrument.owner_id is not None and instrument.owner_id == self.context["request"].user.pk


class QuoteSerializer(serializers.Serializer[Any]):
    """The latest price of an instrument, in its currency."""

    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField()
    currency = serializers.CharField()
    bid = DecimalString(allow_null=True, help_text="Null where nobody makes a market.")
    ask = DecimalString(allow_null=True)
    bid_size = DecimalString(
        allow_null=True, help_text="Units wanted at the bid; null where the source does not say."
    )
    ask_size = DecimalString(
        allow_null=True, help_text="Units offered at the ask; null where the source does not say."
    )
    last = DecimalString()
    previous_close = DecimalString(allow_null=True)
    change = DecimalString(allow_null=True, help_text="Since the previous close.")
    change_fraction = serializers.SerializerMethodField(
        help_text="The same as a fraction of the previous close."
    )
    volume = DecimalString(allow_null=True)
    quoted_at = serializers.DateTimeField(help_text="When the price was made, by its source.")
    source = serializers.CharField()  # type: ignore[assignment]  # our field, not DRF's argument
    is_simulated = serializers.BooleanField(help_text="Made up by the simulated market.")
    is_stale = serializers.BooleanField(help_text="Older than its source should let it become.")

    def get_change_fraction(self, quote: Any) -> str | None:
        """Eight decimals are enough for a rate of change."""
        return None if quote.change_fraction is None else f"{quote.change_fraction:.8f}"


class QuotesSerializer(serializers.Serializer[Any]):
    """Quotes, and what was asked for and has none."""

    results = QuoteSerializer(many=True)
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="Ids or symbols without a quote, or unknown to you."
    )


class BarSerializer(serializers.Serializer[Any]):
    """One trading day."""

    date = serializers.DateField()
    open = DecimalString(allow_null=True)
    high = DecimalString(allow_null=True)
    low = DecimalString(allow_null=True)
    close = DecimalString()
    volume = DecimalString(allow_null=True)
    source = serializers.CharField(help_text="`simulated` when made up.")  # type: ignore[assignment]


class BarsSerializer(serializers.Serializer[Any]):
    """The daily history of an instrument."""

    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField()
    currency = serializers.CharField()
    adjusted = serializers.BooleanField(help_text="Whether prices are other than as traded.")
    adjustment = serializers.ChoiceField(
        choices=("raw", "split", "total_return"), help_text="What prices are made comparable for."
    )
    is_simulated = serializers.BooleanField(help_text="Whether some of these days were made up.")
    results = BarSerializer(many=True)
