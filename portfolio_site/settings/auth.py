"""The frame: who may come in (allauth, passwords, second factors). What each line means is in docs/accounts.md."""

from typing import Any

from . import environment

#: Whether strangers may make accounts.
SIGNUP_OPEN: bool = environment.SIGNUP_OPEN

# allauth's backend includes Django's own (permissions, sessions); both would hash a wrong password twice.
AUTHENTICATION_BACKENDS = ["accounts.backends.Backend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
#: A reset link works once, for a day.
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60

# Accounts: an e-mail address and a password. Whether an address has an account shows nowhere.
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
#: `mandatory`: nobody signs in before the address is confirmed. `optional`: the mail is sent, and that is all.
ACCOUNT_EMAIL_VERIFICATION = environment.EMAIL_VERIFICATION
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Holdfast] "
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SIGNUP_REDIRECT_URL = "accounts:welcome"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = environment.SITE_URL.partition(":")[0]
# Added to allauth's own limits (docs/accounts.md lists them all).
ACCOUNT_RATE_LIMITS = {"signup": "20/h/ip", "login_failed": "10/m/ip,5/300s/key"}
ALLAUTH_TRUSTED_PROXY_COUNT = environment.TRUSTED_PROXIES

# Second factors: authenticator app, passkeys (also in place of the password), recovery codes.
MFA_ADAPTER = "accounts.adapter.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Holdfast"
MFA_TOTP_TOLERANCE = 1
# Browsers give passkeys to plain HTTP on localhost only.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = environment.SITE_URL.startswith("http://")

# Programs: short-lived JWTs with a session of the site behind them (accounts.operations.program_sessions).
HEADLESS_TOKEN_STRATEGY = "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"  # noqa: S105 - a class
HEADLESS_CLIENTS = ("app",)
HEADLESS_JWT_ALGORITHM = "HS256"
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 15 * 60
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = 14 * 24 * 60 * 60
#: Every access token is checked against its session, so that logging out ends it at once.
HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = True
HEADLESS_JWT_ROTATE_REFRESH_TOKEN = True

# Sessions are listed with when they were last seen; accounts.middleware writes that, sparingly.
USERSESSIONS_TRACK_ACTIVITY = True

#: Whether staff need a second factor for the administration pages; None means: unless DEBUG or DEMO.
STAFF_SECOND_FACTOR: bool | None = environment.STAFF_SECOND_FACTOR
