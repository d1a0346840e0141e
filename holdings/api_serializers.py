"""The books' API: how portfolios, entries and figures look in JSON. Decimals travel as strings."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from holdings.entries import Entry
from holdings.models import Account, CostBasisMethod, Portfolio, Transaction, TransactionType
from portfolio_site.kernel.api import DecimalString
from portfolio_site.kernel.api.strict import StrictSerializer


class AccountSerializer(serializers.ModelSerializer[Account]):
    """An account of a portfolio."""

    class Meta:
        model = Account
        fields = ("id", "name", "kind", "currency", "cash_account_id")
        read_only_fields = fields


class PortfolioSerializer(serializers.ModelSerializer[Portfolio]):
    """A portfolio and its settings. `revision` grows with every change of its figures."""

    accounts = AccountSerializer(many=True, read_only=True)

    class Meta:
        model = Portfolio
        fields = ("id", "name", "kind", "base_currency", "cost_basis_method", "allow_short", "tax_country",
                  "time_zone", "risk_free_rate", "automatic_actions", "revision", "created_at", "archived_at",
                  "accounts")  # fmt: skip
        read_only_fields = fields


class PortfolioRequestSerializer(StrictSerializer):
    """What it takes to open a tracked portfolio."""

    name = serializers.CharField(max_length=120)
    base_currency = serializers.CharField(max_length=8)
    cost_basis_method = serializers.ChoiceField(choices=CostBasisMethod.choices, default=CostBasisMethod.FIFO)
    allow_short = serializers.BooleanField(default=False)
    tax_country = serializers.CharField(max_length=2, default="", allow_blank=True)
    time_zone = serializers.CharField(max_length=64, default="", allow_blank=True)
    risk_free_rate = DecimalString(default=Decimal(0), help_text="A fraction a year, such as 0.025.")
    automatic_actions = serializers.BooleanField(
        default=False, help_text="Book dividends and splits by themselves on their ex-date."
    )


class PortfolioChangeSerializer(StrictSerializer):
    """Settings to change; what is left out stays."""

    name = serializers.CharField(max_length=120, required=False)
    base_currency = serializers.CharField(max_length=8, required=False)
    cost_basis_method = serializers.ChoiceField(choices=CostBasisMethod.choices, required=False)
    allow_short = serializers.BooleanField(required=False)
    tax_country = serializers.CharField(max_length=2, required=False, allow_blank=True)
    time_zone = serializers.CharField(max_length=64, required=False)
    risk_free_rate = DecimalString(required=False, help_text="A fraction a year, such as 0.025.")
    automatic_actions = serializers.BooleanField(
        required=False, help_text="Book dividends and splits by themselves on their ex-date."
    )


@extend_schema_field(
    {"type": "string", "example": "2026-03-02", "description": "A day, or an instant with its zone"}
)
class WhenField(serializers.Field[Any, Any, Any, Any]):
    """A day (`2026-03-02`), or an instant with a time zone (`2026-03-02T14:30:00Z`)."""

    default_error_messages = {"invalid": "Give a day like 2026-03-02, or an instant with a zone."}

    def to_internal_value(self, data: Any) -> date | datetime:
        """The day or the aware instant."""
        if not isinstance(data, str) or len(data) > 40:
            self.fail("invalid")
        try:
            if len(data) == 10:
                return date.fromisoformat(data)
            instant = datetime.fromisoformat(data)
        except ValueError:
            self.fail("invalid")
        if instant.tzinfo is None:
            self.fail("invalid")
        return instant

    def to_representation(self, value: Any) -> str:
        """ISO 8601."""
        text: str = value.isoformat()
        return text


class EntrySerializer(StrictSerializer):
    """An entry to be posted. Which fields a type needs is said in the description; a refusal names the field."""

    type = serializers.ChoiceField(choices=TransactionType.choices)
    date = WhenField()
    account_id = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**63 - 1)
    to_account_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**63 - 1
    )
    cash_account_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**63 - 1
    )
    instrument_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**63 - 1
    )
    to_instrument_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**63 - 1
    )
    quantity = DecimalString(required=False, allow_null=True)
    price = DecimalString(required=False, allow_null=True)
    amount = DecimalString(required=False, allow_null=True)
    fees = DecimalString(required=False)
    taxes = DecimalString(required=False)
    currency = serializers.CharField(max_length=8, required=False, allow_blank=True)
    fx_rate = DecimalString(required=False, allow_null=True)
    instrument_rate = DecimalString(required=False, allow_null=True)
    ratio = serializers.CharField(max_length=40, required=False, allow_blank=True)
    cost = DecimalString(required=False, allow_null=True)
    lots = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), required=False, max_length=1000
    )
    note = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=20)
    external_id = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="Your own id; the same one again is refused.",
    )

    def entry(self) -> Entry:
        """The entry; call it when the serializer is valid."""
        return self.entry_of(self.validated_data)

    @staticmethod
    def entry_of(validated: dict[str, Any]) -> Entry:
        """The entry of validated data."""
        values = {key: value for key, value in validated.items() if value is not None}
        occurred = values.pop("date")
        for key in ("lots", "tags"):
            if key in values:
                values[key] = tuple(values[key])
        return Entry(occurred=occurred, source="api", **values)


class TransactionSerializer(serializers.ModelSerializer[Transaction]):
    """An entry of the journal."""

    date = serializers.SerializerMethodField(help_text="A day, or an instant in UTC where there is a time.")
    symbol = serializers.SerializerMethodField()
    quantity = DecimalString(allow_null=True)
    price = DecimalString(allow_null=True)
    amount = DecimalString(allow_null=True)
    fees = DecimalString()
    taxes = DecimalString()
    fx_rate = DecimalString(allow_null=True)
    instrument_rate = DecimalString(allow_null=True)
    cost = DecimalString(allow_null=True)

    class Meta:
        model = Transaction
        fields = ("id", "sequence", "type", "date", "account_id", "to_account_id", "cash_account_id", "instrument_id",
                  "symbol", "to_instrument_id", "quantity", "price", "amount", "fees", "taxes", "currency", "fx_rate",
                  "instrument_rate", "ratio", "cost", "lots", "note", "tags", "source", "external_id", "replaces_id",
                  "posted_at")  # fmt: skip
        read_only_fields = fields

    def get_date(self, row: Transaction) -> str:
        """The day, or the instant."""
        if row.is_date_only:
            return row.occurred_date.isoformat()
        return row.occurred_at.astimezone(ZoneInfo("UTC")).isoformat().replace("+00:00", "Z")

    def get_symbol(self, row: Transaction) -> str:
        """The instrument's symbol, or nothing."""
        return row.instrument.symbol if row.instrument else ""


class PriceSerializer(serializers.Serializer[Any]):
    """The price that a value was made with."""

    price = DecimalString()
    day = serializers.DateField()
    at = serializers.DateTimeField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]
    origin = serializers.ChoiceField(choices=["quote", "close", "trade"])
    is_simulated = serializers.BooleanField()
    is_stale = serializers.BooleanField()


class PositionSerializer(serializers.Serializer[Any]):
    """One instrument over all accounts. Unsuffixed money is in `currency`, `_base` in the portfolio's currency."""

    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField()
    name = serializers.CharField()
    asset_class = serializers.CharField()
    currency = serializers.CharField()
    quantity = DecimalString()
    average_cost = DecimalString()
    cost_basis = DecimalString()
    cost_basis_base = DecimalString()
    price = PriceSerializer(allow_null=True)
    market_value = DecimalString(allow_null=True)
    market_value_base = DecimalString(allow_null=True)
    day_change_base = DecimalString(allow_null=True)
    unrealised_gain = DecimalString(allow_null=True)
    unrealised_gain_base = DecimalString(allow_null=True)
    realised_gain = DecimalString()
    realised_gain_base = DecimalString()
    income_base = DecimalString()
    weight = DecimalString(allow_null=True)


class CashSerializer(serializers.Serializer[Any]):
    """Cash of one account in one currency."""

    account_id = serializers.IntegerField()
    account = serializers.CharField()
    currency = serializers.CharField()
    balance = DecimalString()
    balance_base = DecimalString(allow_null=True)


class SummarySerializer(serializers.Serializer[Any]):
    """Totals in the portfolio's currency; null where a price or rate is missing, which `missing` names."""

    base_currency = serializers.CharField()
    day = serializers.DateField()
    net_worth = DecimalString(allow_null=True)
    market_value = DecimalString(allow_null=True)
    cash_value = DecimalString(allow_null=True)
    liabilities_value = DecimalString(allow_null=True)
    cost_basis = DecimalString()
    unrealised_gain = DecimalString(allow_null=True)
    realised_gain = DecimalString()
    dividends = DecimalString()
    interest = DecimalString()
    fees = DecimalString()
    taxes = DecimalString()
    currency_gain = DecimalString(allow_null=True)
    net_contributions = DecimalString()
    total_gain = DecimalString(allow_null=True)
    day_change = DecimalString(allow_null=True)
    missing = serializers.ListField(child=serializers.CharField())
    has_simulated_prices = serializers.BooleanField()


class ValuationSerializer(serializers.Serializer[Any]):
    """The value at the end of a day, what had been put in by then, and the time-weighted index of the range."""

    date = serializers.DateField()
    value = DecimalString()
    invested = DecimalString()
    index = DecimalString()


class ValuationsSerializer(serializers.Serializer[Any]):
    """The days of a range."""

    range = serializers.CharField()
    base_currency = serializers.CharField()
    problem = serializers.CharField()
    has_simulated_prices = serializers.BooleanField(
        help_text="Whether some of what is held is priced by the simulated market."
    )
    results = ValuationSerializer(many=True)


class ImportRequestSerializer(StrictSerializer):
    """A file to import at once."""

    file = serializers.FileField()


class ImportResultSerializer(serializers.Serializer[Any]):
    """What an import booked."""

    id = serializers.IntegerField()
    filename = serializers.CharField()
    format = serializers.CharField()
    posted_count = serializers.IntegerField()
    draft_count = serializers.IntegerField()
    duplicate_count = serializers.IntegerField()
    skipped_count = serializers.IntegerField()
