"""The frame: settings that hold everywhere. Concerns with much to say live in files beside this one."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .environment import *  # noqa: F403
from .environment import (
    BASE_DIR,
    DATABASE_CONNECTIONS,
    DATABASE_IDLE_SECONDS,
    DATABASE_STATEMENT_SECONDS,
    DATABASE_URL,
    EMAIL_URL,
    MEDIA_ROOT,
    REDIS_URL,
    env,
)

ROOT_URLCONF = "portfolio_site.urls"
WSGI_APPLICATION = "portfolio_site.wsgi.application"
ASGI_APPLICATION = "portfolio_site.asgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "channels",
    "django.forms",  # lets the form renderer find the stock widgets
    "accounts.admin_apps.SiteAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_htmx",
    "heroicons",
    "pgtrigger",
    "pghistory",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.headless",
    "corsheaders",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_structlog",
    "storages",
    "portfolio_site.kernel",
    "accounts",
    "marketdata",
    "documents",
    "holdings",
    "trading",
    "reports",
    "notifications",
    "portfolio_site.web",
]

MIDDLEWARE = [
    # Programs that speak the wire bring no session and follow no redirect: answered before all the rest.
    "trading.wire.gate.WireGateMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    # Inside gzip: the tag is of what is said, however it is packed.
    "portfolio_site.kernel.middleware.ApiConditionalGetMiddleware",
    "portfolio_site.web.middleware.RequestLogMiddleware",
    "portfolio_site.kernel.middleware.RequestIdHeaderMiddleware",
    "portfolio_site.web.middleware.SimulatedPricesHeaderMiddleware",
    "portfolio_site.kernel.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.SessionActivityMiddleware",
    "accounts.middleware.PreferencesMiddleware",
    "accounts.middleware.AuditContextMiddleware",
    "accounts.middleware.ReadOnlyRolesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portfolio_site.kernel.api.throttling.RateLimitHeadersMiddleware",
    "portfolio_site.kernel.middleware.DomainErrorMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portfolio_site.web.context.site",
                "notifications.context.header_bell",
            ],
        },
    }
]
FORM_RENDERER = "portfolio_site.kernel.forms.HoldfastFormRenderer"

# Database: PostgreSQL only. Server-side binding lets PostgreSQL keep the plans of the statements it sees again.
DATABASES: dict[str, Any] = {
    "default": env.db_url_config(DATABASE_URL or "postgres://holdfast@localhost/holdfast")
}
DATABASES["default"]["ENGINE"] = "portfolio_site.kernel.postgresql"
# Merged, not replaced: the address may carry options of its own (`?host=/run/postgresql`, `?sslmode=require`).
DATABASES["default"].setdefault("OPTIONS", {}).update({"server_side_binding": True})
if DATABASE_CONNECTIONS == "kept":
    DATABASES["default"] |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
elif DATABASE_CONNECTIONS == "pool":
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 12}
else:
    raise ImproperlyConfigured(f"DATABASE_CONNECTIONS is pool or kept, not {DATABASE_CONNECTIONS!r}.")
# From the third time on a statement is prepared: the counter's two long ones cost more to plan than to carry out.
DATABASES["default"]["OPTIONS"].setdefault("prepare_threshold", 3)
# What hangs must not hold an account's lock for ever: a request's statement, or a process that stopped in a transaction.
_limits = {
    "statement_timeout": DATABASE_STATEMENT_SECONDS,
    "idle_in_transaction_session_timeout": DATABASE_IDLE_SECONDS,
}
DATABASES["default"]["OPTIONS"]["options"] = " ".join(
    [
        DATABASES["default"]["OPTIONS"].get("options", ""),
        *(f"-c {name}={seconds}s" for name, seconds in _limits.items() if seconds),
    ]
).strip()

# Cache, sessions, channel layer and broker share one Valkey/Redis, in databases of their own prefix.
_REDIS = REDIS_URL or "redis://localhost:6379/0"
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "portfolio_site.kernel.cache.TolerantRedisCache",
        "LOCATION": _REDIS,
        "KEY_PREFIX": "hf",
        # Rate limits and used one-time codes: of the API, and of everything that allauth guards.
        "OPTIONS": {"LOCAL_WHEN_AWAY": ["throttle_", "allauth"]},
    }
}
SESSION_ENGINE = "accounts.sessions"
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [_REDIS], "prefix": "hf"},
    }
}
REDIS_LOCATION = _REDIS

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(MEDIA_ROOT / "files")},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Uploads are read by importers only; nothing above this size reaches a view (a form says so at its field).
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
UPLOAD_MAX_BYTES = 20 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

_email = env.email_url_config(EMAIL_URL)
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST = _email.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _email.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _email.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _email.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(_email.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_email.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 20

# Security that is the same everywhere; prod.py adds what needs TLS.
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "portfolio_site.web.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

PGHISTORY_APPEND_ONLY = True

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "web:home"
LOGOUT_REDIRECT_URL = "web:home"
