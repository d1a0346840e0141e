"""The print shop: how its things look to programs."""

from __future__ import annotations

from rest_framework import serializers

from portfolio_site.kernel.api.strict import StrictSerializer
from reports.models import ReportJob
from reports.registry import FORMATS, KINDS


class ReportSerializer(serializers.ModelSerializer[ReportJob]):
    """A report: what was asked for, how far it is, and its document once it is ready."""

    portfolio = serializers.IntegerField(source="portfolio_id", read_only=True)
    document = serializers.UUIDField(
        source="document_id",
        read_only=True,
        allow_null=True,
        help_text="Get a link with POST /api/v1/documents/{id}/link/.",
    )
    period_from = serializers.DateField(source="parameters.from", read_only=True, allow_null=True)
    period_to = serializers.DateField(source="parameters.to", read_only=True)
    currency = serializers.CharField(source="parameters.currency", read_only=True)

    class Meta:
        model = ReportJob
        fields = (
            "id", "portfolio", "kind", "format", "period_from", "period_to", "currency", "title", "state", "progress",
            "stage", "error", "document", "created_at", "started_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


class ReportRequestSerializer(StrictSerializer):
    """What report is wanted."""

    portfolio = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    kind = serializers.ChoiceField(choices=[(kind.code, kind.title) for kind in KINDS.values()])
    format = serializers.ChoiceField(choices=list(FORMATS.items()))
    period_from = serializers.DateField(
        required=False, allow_null=True, help_text="Omitted: from the first entry on."
    )
    period_to = serializers.DateField(required=False, allow_null=True, help_text="Omitted: today.")
    currency = serializers.CharField(
        required=False, allow_blank=True, max_length=8, help_text="Omitted: the portfolio's own."
    )
