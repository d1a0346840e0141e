"""The frame: connections to brokers. See docs/brokers.md."""

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from .environment import ENCRYPTION_KEYS

for _place, _key in enumerate(ENCRYPTION_KEYS, start=1):
    try:
        Fernet(_key)
    except ValueError:
        # Not a word of the key itself: this ends up in logs.
        raise ImproperlyConfigured(
            f"ENCRYPTION_KEYS: key {_place} is not 32 bytes in URL-safe base64. "
            "`manage.py reseal_broker_keys --new-key` prints one."
        ) from None
