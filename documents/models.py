"""The cellar: what is kept, whose it is, and what is still to be removed from the storage."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Self

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q


class DocumentKind(models.TextChoices):
    """What a document is, for the person who looks for it."""

    REPORT = "report", "Report"
    EXPORT = "export", "Export"
    BACKUP = "backup", "Backup"


class DocumentQuerySet(models.QuerySet["Document"]):
    """Documents, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """Those that `user` owns. Nobody else, auditors and administrators included, opens a person's files."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(owner_id=user.pk)

    def live(self, now: Any) -> Self:
        """Those whose time has not run out."""
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))


@pghistory.track(
    pghistory.InsertEvent("document.created"),
    pghistory.DeleteEvent("document.deleted"),
    pghistory.UpdateEvent("document.downloaded", condition=pghistory.AnyChange("downloaded_at")),
    append_only=True,
    context_field=pghistory.ContextJSONField(),
    obj_field=pghistory.ObjForeignKey(related_name="audit_events"),
)
@pgtrigger.register(
    pgtrigger.Trigger(
        # However a row goes (operation, admin, cascade from its owner), its file is put on the list to be removed.
        name="file_follows_row",
        when=pgtrigger.After,
        operation=pgtrigger.Delete,
        func=(
            "INSERT INTO documents_filetoremove (storage_key, remove_after) VALUES (OLD.storage_key, now())"
            " ON CONFLICT (storage_key) DO UPDATE SET remove_after = now(); RETURN NULL;"
        ),
    ),
    pgtrigger.Trigger(
        # A stored file never changes: a new version is a new document.
        name="content_is_fixed",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Condition(
            "OLD.owner_id IS DISTINCT FROM NEW.owner_id OR OLD.storage_key IS DISTINCT FROM NEW.storage_key"
            " OR OLD.sha256 IS DISTINCT FROM NEW.sha256 OR OLD.size IS DISTINCT FROM NEW.size"
            " OR OLD.content_type IS DISTINCT FROM NEW.content_type"
        ),
        func="RAISE EXCEPTION 'a stored document does not change';",
    ),
)
class Document(models.Model):
    """A private file of one person.

    `content_type` is what the bytes are, not what somebody called them; `source` says what made the file
    (`"report:<job id>"`) and is unique, so that making it again does not make a second one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=DocumentKind.choices)
    filename = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    storage_key = models.CharField(max_length=200, unique=True)
    source = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    downloaded_at = models.DateTimeField(null=True, blank=True, help_text="The latest time it was fetched.")

    objects: ClassVar[DocumentQuerySet] = DocumentQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(kind__in=DocumentKind.values), name="documents_kind_known"),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="documents_sha256_hex"),
            models.UniqueConstraint(
                fields=["owner", "source"], condition=~Q(source=""), name="documents_source_once"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=models.F("created_at")),
                name="documents_expire_after_creation",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-created_at", "id"], name="documents_of_owner"),
            models.Index(
                fields=["expires_at"], condition=Q(expires_at__isnull=False), name="documents_expiring"
            ),
        ]

    def __str__(self) -> str:
        return self.filename


class FileToRemove(models.Model):
    """A key in the storage that no document needs (any more): removed by a sweep once `remove_after` has passed.

    A key is entered before its bytes are written and crossed out when the document's row is, so that a crash between
    the two leaves no file that nobody knows of.
    """

    storage_key = models.CharField(max_length=200, unique=True)
    remove_after = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["remove_after"], name="documents_to_remove")
        ]

    def __str__(self) -> str:
        return self.storage_key
