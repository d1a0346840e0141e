"""The books' API: backups: put away, list, restore with a preview, plan."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from documents.errors import DocumentTooLarge
from documents.operations import delete_document, open_document
from documents.queries import DocumentView
from holdings import operations
from holdings.forms import too_large_message
from holdings.models import BackupInterval, BackupPlan
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import DecimalString, idempotent
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import StrictSerializer
from portfolio_site.kernel.errors import NotFoundError
from portfolio_site.kernel.idempotency import earlier, fingerprint_of

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")
_TAGS = ["backups"]
_ROUTE = "backups"
_UPLOAD_ROUTE = "backups.upload"


class BackupSerializer(serializers.Serializer[Any]):
    """A backup in the private store. Download it by `/api/v1/documents/{id}/link/`."""

    id = serializers.UUIDField()
    filename = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)


class BackupListSerializer(serializers.Serializer[Any]):
    """Backups, newest first. There are few, and so no pages."""

    results = BackupSerializer(many=True)


class NewBackupSerializer(StrictSerializer):
    """What to put away."""

    portfolio_id = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=2**63 - 1,
        help_text="One portfolio; else all of yours.",
    )


class MemberSerializer(serializers.Serializer[Any]):
    """One portfolio in a backup."""

    file = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    base_currency = serializers.CharField()
    entries = serializers.IntegerField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()


class BackupDetailSerializer(BackupSerializer):
    """A backup and what it holds; every checksum in it was verified for this answer."""

    portfolios = MemberSerializer(many=True)


class BackupUploadSerializer(StrictSerializer):
    """A backup file."""

    file = serializers.FileField()


class RestoreRequestSerializer(StrictSerializer):
    """What to bring back, and where to."""

    file = serializers.CharField(max_length=40, default="portfolio-001.json", help_text="Of `portfolios`.")
    portfolio_id = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=2**63 - 1,
        help_text="Into this one; else a new one is opened.",
    )  # fmt: skip
    exact = serializers.BooleanField(default=False, help_text="Take back what was booked since.")
    preview = serializers.BooleanField(default=False, help_text="Only say what would change.")


class ChangeSerializer(serializers.Serializer[Any]):
    """A balance or a quantity before and after."""

    of = serializers.CharField(source="label")
    before = DecimalString()
    after = DecimalString()


class RestoreAnswerSerializer(serializers.Serializer[Any]):
    """What the restore did, or would do."""

    name = serializers.CharField()
    portfolio_id = serializers.IntegerField(allow_null=True)
    is_new = serializers.BooleanField()
    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    planned = serializers.IntegerField(help_text="Of `added`: entries that wait for their day.")
    targets = serializers.IntegerField(help_text="Dimensions whose target weights are set.")
    watchlists = serializers.ListField(
        child=serializers.CharField(),
        help_text="Watchlists that are made; those you have by name stay as they are.",
    )
    changes_nothing = serializers.BooleanField()
    cash = ChangeSerializer(many=True)
    holdings = ChangeSerializer(many=True)
    problems = serializers.ListField(child=serializers.CharField())


class BackupPlanSerializer(StrictSerializer):
    """How often everything of yours is put away by itself, and how many of those stay."""

    every = serializers.ChoiceField(choices=BackupInterval.choices)
    keep = serializers.IntegerField(min_value=1, max_value=100)
    last_run_at = serializers.DateTimeField(read_only=True, allow_null=True)


class BackupsView(APIView):
    """The person's backups."""

    @extend_schema(
        operation_id="backups_list",
        summary="List backups",
        description="What was put away, newest first.",
        responses={200: BackupListSerializer, 401: _PROBLEM},
        tags=_TAGS,
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        found = operations.backups_for(request.user, now=clock.now())
        return Response(BackupListSerializer({"results": found}).data)

    @extend_schema(
        operation_id="backups_create",
        summary="Back up",
        description="Writes one portfolio, or all of yours, into a checked archive in the private store.",
        parameters=[IDEMPOTENCY_HEADER],
        request=NewBackupSerializer,
        responses={
            201: BackupSerializer,
            400: _PROBLEM,
            401: _PROBLEM,
            404: _PROBLEM,
            409: _PROBLEM,
            422: _PROBLEM,
        },
        tags=_TAGS,
    )
    def post(self, request: Request) -> Response:
        """Put one away."""
        given = NewBackupSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        key = request.headers.get("Idempotency-Key")
        if key is not None:
            # Before the work, which is not done inside a transaction: a bad key, or another's body, stores nothing.
            wanted = fingerprint_of(request.data)
            answer = earlier(key=key, user=request.user, route=_ROUTE, fingerprint=wanted)
            if answer is not None:
                return Response(answer.body, status=answer.status, headers={"Idempotency-Replayed": "true"})
        made = operations.make_backup(
            owner=request.user,
            portfolio_id=given.validated_data.get("portfolio_id"),
            now=clock.now(),
            source=operations.backup_source(key or ""),
        )
        return idempotent(request, route=_ROUTE, do=lambda: (201, BackupSerializer(made).data))


class BackupUploadView(APIView):
    """A backup from elsewhere."""

    @extend_schema(
        operation_id="backups_upload",
        summary="Upload a backup",
        description="Takes in a backup that another site made, checks every byte of it, and keeps it for a day: restore it by "
        "its `id`. Nothing is restored yet.",
        parameters=[IDEMPOTENCY_HEADER],
        request={"multipart/form-data": BackupUploadSerializer},
        responses={201: BackupDetailSerializer, 400: _PROBLEM, 401: _PROBLEM, 409: _PROBLEM, 413: _PROBLEM,
                   422: _PROBLEM},
        tags=_TAGS,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Take it in, once per `Idempotency-Key`."""
        given = BackupUploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        file = given.validated_data["file"]
        if file.size > settings.UPLOAD_MAX_BYTES:
            raise DocumentTooLarge(too_large_message(file.size), field="file")
        key, payload = request.headers.get("Idempotency-Key"), {"name": file.name, "sha256": _sha256_of(file)}
        if key is not None:
            # Before the bytes are put away, which is not done inside a transaction.
            answer = earlier(
                key=key, user=request.user, route=_UPLOAD_ROUTE, fingerprint=fingerprint_of(payload)
            )
            if answer is not None:
                return Response(answer.body, status=answer.status, headers={"Idempotency-Replayed": "true"})
        kept, manifest = operations.take_in_backup(
            owner=request.user, filename=file.name, content=file, now=clock.now(),
            source=f"upload-{operations.backup_source(key)}" if key else "",
        )  # fmt: skip
        body = {
            **BackupSerializer(kept).data,
            "portfolios": MemberSerializer(manifest.members, many=True).data,
        }
        return idempotent(request, route=_UPLOAD_ROUTE, do=lambda: (201, body), payload=payload)


class BackupView(APIView):
    """One backup."""

    @extend_schema(
        operation_id="backups_retrieve",
        summary="Look into a backup",
        description="What it holds. Every byte of it is checked for the answer; a damaged one is `422`.",
        responses={200: BackupDetailSerializer, 401: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
        tags=_TAGS,
    )
    def get(self, request: Request, backup_id: UUID) -> Response:
        """With its manifest."""
        document, content = _opened(request, backup_id)
        with content:
            manifest = operations.look_into_backup(content=content)
        body = BackupSerializer(document).data
        return Response({**body, "portfolios": MemberSerializer(manifest.members, many=True).data})

    @extend_schema(
        operation_id="backups_destroy",
        summary="Delete a backup",
        description="It is removed for good.",
        responses={204: None, 401: _PROBLEM, 404: _PROBLEM},
        tags=_TAGS,
    )
    def delete(self, request: Request, backup_id: UUID) -> Response:
        """Let go of it."""
        document, content = _opened(request, backup_id)
        content.close()
        delete_document(document_id=document.id, actor=request.user, now=clock.now())
        return Response(status=204)


class RestoreView(APIView):
    """Bringing a backup back."""

    @extend_schema(
        operation_id="backups_restore",
        summary="Restore",
        description="Brings one portfolio of the backup back: into a new portfolio, or into an existing one, where what "
        "is there already stays. All of it or nothing.",
        parameters=[IDEMPOTENCY_HEADER],
        request=RestoreRequestSerializer,
        responses={200: RestoreAnswerSerializer, 400: _PROBLEM, 401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM,
                   409: _PROBLEM, 422: _PROBLEM},
        tags=_TAGS,
    )  # fmt: skip
    def post(self, request: Request, backup_id: UUID) -> Response:
        """Restore, once per `Idempotency-Key`."""
        given = RestoreRequestSerializer(data=request.data)
        _, content = _opened(request, backup_id)
        with content:
            given.is_valid(raise_exception=True)
            wanted = given.validated_data

            def do() -> tuple[int, Any]:
                outcome = operations.restore_backup(
                    owner=request.user, content=content, file=wanted["file"], portfolio_id=wanted["portfolio_id"],
                    is_exact=wanted["exact"], is_preview=wanted["preview"], now=clock.now(),
                )  # fmt: skip
                body = RestoreAnswerSerializer(outcome).data
                return 200, {**body, "portfolio_id": None} if wanted["preview"] and outcome.is_new else body

            operations.look_into_backup(content=content)
            return idempotent(request, route=f"backups.{backup_id}.restore", do=do)


class BackupPlanView(APIView):
    """The plan."""

    @extend_schema(
        operation_id="backup_plan",
        summary="Read the backup plan",
        description="How often it happens by itself; `never` before you chose.",
        responses={200: BackupPlanSerializer, 401: _PROBLEM},
        tags=_TAGS,
    )
    def get(self, request: Request) -> Response:
        """Or what stands before there is one."""
        plan = BackupPlan.objects.visible_to(request.user).first()
        return Response(BackupPlanSerializer(plan or {"every": "never", "keep": 7, "last_run_at": None}).data)

    @extend_schema(
        operation_id="backup_plan_update",
        summary="Change the backup plan",
        description="Replaces the plan.",
        request=BackupPlanSerializer,
        responses={200: BackupPlanSerializer, 400: _PROBLEM, 401: _PROBLEM},
        tags=_TAGS,
    )
    def put(self, request: Request) -> Response:
        """Replace it."""
        given = BackupPlanSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        plan = operations.set_backup_plan(owner=request.user, now=clock.now(), **given.validated_data)
        return Response(BackupPlanSerializer(plan).data)


def _sha256_of(file: Any) -> str:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest


def _opened(request: Request, backup_id: UUID) -> tuple[DocumentView, Any]:
    document, content = open_document(document_id=backup_id, actor=request.user, now=clock.now())
    if document.kind != operations.BACKUP_KIND:
        content.close()
        raise NotFoundError("There is no such backup.")
    return document, content
