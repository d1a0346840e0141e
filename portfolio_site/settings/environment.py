"""The frame: the one place where the process environment is read.

Every other settings file imports names from here, so that `docs/configuration.md` can list them all.
"""

from pathlib import Path

import django_stubs_ext
import environ

# Lets Django's generic classes (fields, admins, querysets) take type parameters at run time as they do for mypy.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parents[2]

env = environ.Env()

#: An optional `.env` beside `manage.py`; real environment variables win over it.
_dotenv = BASE_DIR / ".env"
if _dotenv.is_file():
    env.read_env(str(_dotenv))

DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY: str = env.str("SECRET_KEY", default="")
DATABASE_URL: str = env.str("DATABASE_URL", default="")
REDIS_URL: str = env.str("REDIS_URL", default="")
#: `pool`: shared by the threads of a process, given back after each request. `kept`: one for each thread, for good.
DATABASE_CONNECTIONS: str = env.str("DATABASE_CONNECTIONS", default="pool")
#: What a statement may take, and a transaction may wait for its own program, before PostgreSQL ends it; 0 for ever.
DATABASE_STATEMENT_SECONDS: int = env.int("DATABASE_STATEMENT_SECONDS", default=0)
DATABASE_IDLE_SECONDS: int = env.int("DATABASE_IDLE_SECONDS", default=300)
ENCRYPTION_KEYS: list[str] = env.list("ENCRYPTION_KEYS", default=[])
BROKER_ALLOWED_HOSTS: list[str] = env.list("BROKER_ALLOWED_HOSTS", default=[])
BROKER_LIVE_TRADING: bool = env.bool("BROKER_LIVE_TRADING", default=True)
BROKER_TIMEOUT: float = env.float("BROKER_TIMEOUT", default=15.0)
SITE_URL: str = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXIES: int = env.int("TRUSTED_PROXIES", default=0)
BEHIND_TLS_PROXY: bool = env.bool("BEHIND_TLS_PROXY", default=False)
EMAIL_URL: str = env.str("EMAIL_URL", default="consolemail://")
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", default="Holdfast <holdfast@localhost>")
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(BASE_DIR / ".local" / "private")))
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / ".local" / "static")))
S3_BUCKET: str = env.str("S3_BUCKET", default="")
S3_ENDPOINT_URL: str = env.str("S3_ENDPOINT_URL", default="")
S3_ACCESS_KEY_ID: str = env.str("S3_ACCESS_KEY_ID", default="")
S3_SECRET_ACCESS_KEY: str = env.str("S3_SECRET_ACCESS_KEY", default="")
S3_PUBLIC_URL: str = env.str("S3_PUBLIC_URL", default="").rstrip("/")
S3_REGION: str = env.str("S3_REGION", default="us-east-1")
SIMULATED_TICKS: bool = env.bool("SIMULATED_TICKS", default=True)
SIMULATED_SESSION: str = env.str("SIMULATED_SESSION", default="always_open")
SIMULATED_SEED: int = env.int("SIMULATED_SEED", default=93)
INTRADAY_DAYS: int = max(1, env.int("INTRADAY_DAYS", default=10))
QUOTE_REFRESH_SECONDS: float = env.float("QUOTE_REFRESH_SECONDS", default=1.0)
MARKET_DATA: str = env.str("MARKET_DATA", default="auto")
MARKET_DATA_TIMEOUT: float = env.float("MARKET_DATA_TIMEOUT", default=10.0)
YAHOO_BASE_URL: str = env.str("YAHOO_BASE_URL", default="")
YAHOO_STREAM_URL: str = env.str("YAHOO_STREAM_URL", default="")
COINGECKO_BASE_URL: str = env.str("COINGECKO_BASE_URL", default="")
COINGECKO_API_KEY: str = env.str("COINGECKO_API_KEY", default="")
COINGECKO_PLAN: str = env.str("COINGECKO_PLAN", default="demo")
ALPHA_VANTAGE_BASE_URL: str = env.str("ALPHA_VANTAGE_BASE_URL", default="")
ALPHA_VANTAGE_API_KEY: str = env.str("ALPHA_VANTAGE_API_KEY", default="")
ECB_BASE_URL: str = env.str("ECB_BASE_URL", default="")
QUOTE_POLL_SECONDS: float = env.float("QUOTE_POLL_SECONDS", default=15.0)
QUOTE_REST_HOURS: float = env.float("QUOTE_REST_HOURS", default=24.0)
QUOTE_JUMP_PERCENT: str = env.str("QUOTE_JUMP_PERCENT", default="")
PROVIDER_LIMITS_TEXT: str = env.str("PROVIDER_LIMITS", default="")
TRADING_FEE_MODEL: str = env.str("TRADING_FEE_MODEL", default="crypto_tiers")
API_KEY_PEPPER: str = env.str("API_KEY_PEPPER", default="")
API_RATE_LIMIT: int = env.int("API_RATE_LIMIT", default=200)
LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
LOG_JSON: bool = env.bool("LOG_JSON", default=False)
DEMO: bool = env.bool("DEMO", default=False)
#: `mandatory` or `optional`; where nothing is said, mandatory wherever mail really leaves the machine.
EMAIL_VERIFICATION: str = env.str(
    "EMAIL_VERIFICATION", default="optional" if EMAIL_URL.startswith("consolemail") else "mandatory"
)
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", default=[])
SIGNUP_OPEN: bool = env.bool("SIGNUP_OPEN", default=True)
STAFF_SECOND_FACTOR: bool | None = env.bool("STAFF_SECOND_FACTOR", default=None)
