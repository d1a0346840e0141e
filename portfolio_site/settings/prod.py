"""The frame: production. Nothing secret has a default here; a missing variable stops the start with its name."""

from django.core.exceptions import ImproperlyConfigured

from . import environment
from .common import *  # noqa: F403

_missing = [
    name
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS")
    if not getattr(environment, name)
]
if _missing:
    raise ImproperlyConfigured(
        "Set these environment variables (docs/configuration.md): " + ", ".join(_missing)
    )

DEBUG = False
SECRET_KEY = environment.SECRET_KEY
ALLOWED_HOSTS = environment.ALLOWED_HOSTS
CSRF_TRUSTED_ORIGINS = environment.CSRF_TRUSTED_ORIGINS or [environment.SITE_URL]

SECURE_SSL_REDIRECT = environment.env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = environment.env.int("SECURE_HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = environment.env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=True)
SECURE_HSTS_PRELOAD = environment.env.bool("SECURE_HSTS_PRELOAD", default=True)
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
if environment.BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
