"""Links of a store that browsers reach under another address than the site does."""

from __future__ import annotations

from documents.links import public_url

INNER = "http://s3:8333/private/reports/a%20b.pdf?X-Amz-Signature=abc&X-Amz-Expires=300"


def test_stays_as_it_is_when_there_is_one_address(settings):
    settings.S3_PUBLIC_URL = ""
    assert public_url(INNER) == INNER


def test_only_the_address_changes_so_that_the_signature_holds(settings):
    settings.S3_PUBLIC_URL = "https://desk.example.org"
    assert public_url(INNER) == INNER.replace("http://s3:8333", "https://desk.example.org")
