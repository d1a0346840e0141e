"""The cellar's tests: three people, and a private folder of their own for each test."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model

from documents import operations

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def private_folder(settings, tmp_path: Path) -> Path:
    folder = tmp_path / "private"
    settings.STORAGES = {
        **settings.STORAGES,
        "private": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": str(folder),
                "base_url": None,
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        },
    }
    return folder


@pytest.fixture
def owner(db):
    return get_user_model().objects.create_user("owner@example.com", "secret-owner-1", name="Olive Owner")


@pytest.fixture
def outsider(db):
    return get_user_model().objects.create_user("outsider@example.com", "secret-outsider-1")


@pytest.fixture
def store(owner):
    def store(content: bytes = b"%PDF-1.7 report", filename: str = "Report.pdf", **more):
        more.setdefault("owner_id", owner.pk)
        more.setdefault("now", NOW)
        return operations.store_document(
            kind="report", filename=filename, content=io.BytesIO(content), **more
        )

    return store
