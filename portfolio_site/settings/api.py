"""The frame: REST API and its description."""

from typing import Any

from . import environment

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiTokenAuthentication",
        "accounts.authentication.JwtAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["portfolio_site.kernel.api.permissions.IsAuthenticatedAndMayWrite"],
    "DEFAULT_RENDERER_CLASSES": [
        "portfolio_site.kernel.api.renderers.FastJSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "portfolio_site.kernel.api.parsers.DecimalJSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_PAGINATION_CLASS": "portfolio_site.kernel.api.pagination.CursorPagination",
    "DEFAULT_FILTER_BACKENDS": ["portfolio_site.kernel.api.filtering.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "portfolio_site.kernel.api.schema.ApiSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "portfolio_site.kernel.api.throttling.UserThrottle",
        "portfolio_site.kernel.api.throttling.KeyThrottle",
        "portfolio_site.kernel.api.throttling.AnonThrottle",
    ],
    # A program that runs wild uses up its own key's limit, and half of its person's.
    "DEFAULT_THROTTLE_RATES": {"user": "1200/min", "key": "600/min", "anon": "1200/min", "login": "10/min"},
    "EXCEPTION_HANDLER": "portfolio_site.kernel.api.problems.problem_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    # None would believe any `X-Forwarded-For`, and a new made-up address would be a new limit.
    "NUM_PROXIES": environment.TRUSTED_PROXIES,
    "PAGE_SIZE": 50,
    # `format` is a filter of reports; who wants another form of an answer says so in `Accept`.
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Holdfast API",
    "DESCRIPTION": (
        "Portfolios, transactions, positions, instruments, quotes, orders and reports of a Holdfast site.\n\n"
        "**Numbers** that are money, prices, rates or quantities travel as decimal strings. "
        "**Errors** are RFC 9457 problem details. **Lists** are paged by cursor: follow `next`. "
        "POSTs that create a thing or move money accept `Idempotency-Key`: a repeated request gets the first answer."
    ),
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    # Programs speak JSON; forms are taken too (the browsable API sends them), but are not promised.
    "PARSER_WHITELIST": ["portfolio_site.kernel.api.parsers.DecimalJSONParser"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portfolio_site.kernel.api.schema.describe_answers",
        "portfolio_site.api_examples.show_examples",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api(/v1)?",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AccountKindEnum": "holdings.models.AccountKind",
        "MultiplierEnum": "trading.api_account_serializers.MULTIPLIER_CHOICES",
        "OrderTypeEnum": "trading.api_serializers.TYPE_CHOICES",
        "AssetKindEnum": "marketdata.queries.assets.ASSET_KINDS",
        "TransactionTypeEnum": "holdings.models.TransactionType",
    },
}

#: Pages of these origins may ask the API from a browser, with a key of their own: cookies are never sent along.
CORS_ALLOWED_ORIGINS: list[str] = environment.CORS_ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_HEADERS = ("accept", "authorization", "content-type", "idempotency-key", "if-none-match")
CORS_EXPOSE_HEADERS = (
    "ETag",
    "Idempotency-Replayed",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-ID",
)
