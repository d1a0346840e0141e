"""The ground floor: doing a thing once, however often it is asked for.

`once` is used by API endpoints (`Idempotency-Key`) and by forms (their hidden one-time token) alike.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.files import File
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from .errors import ConflictError, DomainError
from .models import IdempotencyRecord

MAX_KEY_LENGTH = 255


class KeyReused(ConflictError):
    """The key came before with another request: answering the first one would be a lie."""

    code = "idempotency_key_reused"


class KeyInvalid(DomainError):
    """The key is empty, too long or not printable."""

    code = "idempotency_key_invalid"
    status = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: an HTTP status and a JSON-able body; `replayed` when it was done by an earlier request."""

    status: int
    body: Any
    replayed: bool = False


class _Encoder(DjangoJSONEncoder):
    """JSON of what a form may hold: an uploaded file stands for its bytes."""

    def default(self, o: Any) -> Any:
        """What JSON has no word for."""
        if not isinstance(o, File):
            return super().default(o)
        digest = hashlib.sha256()
        for chunk in o.chunks():
            digest.update(chunk)
        o.seek(0)
        return {"sha256": digest.hexdigest()}


def fingerprint_of(payload: Any) -> str:
    """Return the SHA-256 (hex) of a JSON-able payload, keys sorted: two requests are the same when this is.

    Uploaded files in it count by their bytes.
    """
    text = json.dumps(payload, sort_keys=True, cls=_Encoder, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def once(*, key: str, user: Any, route: str, fingerprint: str, do: Callable[[], tuple[int, Any]]) -> Answer:
    """Run `do` and keep its (status, JSON-able body) under (user, route, key); on a repetition return what was kept.

    The record and everything `do` writes commit together. A second request that arrives while the first is still at
    work waits for it on the unique index. A refusal (`do` raises) keeps nothing, so that the person may correct and
    send again. Raises `KeyReused` when the same key comes with another fingerprint, `KeyInvalid` for a bad key.
    """
    _check_key(key)
    with transaction.atomic():
        record, is_new = IdempotencyRecord.objects.get_or_create(
            user=user, route=route, key=key, defaults={"fingerprint": fingerprint}
        )
        if not is_new:
            return _kept(record, fingerprint)
        status, body = do()
        record.status, record.answer = status, json.loads(json.dumps(body, cls=DjangoJSONEncoder))
        record.save(update_fields=["status", "answer"])
        return Answer(status=status, body=record.answer)


def earlier(*, key: str, user: Any, route: str, fingerprint: str) -> Answer | None:
    """What was answered under (user, route, key) before, or None: for work that has a slow part, which must not run in the
    transaction of `once` and need not run again for a repetition. Raises as `once`."""
    _check_key(key)
    record = IdempotencyRecord.objects.filter(user=user, route=route, key=key).first()
    return None if record is None else _kept(record, fingerprint)


def _check_key(key: str) -> None:
    if not key or len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise KeyInvalid("An idempotency key has 1 to 255 printable characters.", field="Idempotency-Key")


def _kept(record: IdempotencyRecord, fingerprint: str) -> Answer:
    if record.fingerprint != fingerprint:
        raise KeyReused("This key was already used for a different request.", field="Idempotency-Key")
    return Answer(status=record.status or 200, body=record.answer, replayed=True)
