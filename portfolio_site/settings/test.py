"""The frame: tests. The real PostgreSQL and Valkey, the real tasks; only what would slow or leak is changed."""

import os

from .common import *  # noqa: F403
from .common import DATABASES, REST_FRAMEWORK, STORAGES

DEBUG = False
DEMO = False
SECRET_KEY = "tests-only-" + "k" * 50
ALLOWED_HOSTS = ["*"]
SITE_URL = "http://testserver"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tests of other rooms open the admin without one; accounts tests that it is asked for.
STAFF_SECOND_FACTOR = False
# A test may start a site of its own that asks for less.
ACCOUNT_EMAIL_VERIFICATION = os.environ.get("EMAIL_VERIFICATION", "mandatory")
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# A pool would keep connections to the test database open while it is dropped.
DATABASES["default"]["OPTIONS"].pop("pool", None)
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
# Tasks run where they are sent, after the commit, as the worker would run them.
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = dict.fromkeys(("user", "key", "anon", "login"), "100000/min")
LOG_LEVEL = "WARNING"
# No test asks the world for prices; those of the adapters ask a server of their own.
MARKET_DATA = "simulated"
