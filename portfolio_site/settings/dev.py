"""The frame: the quick start (`script/server`): one machine, plain HTTP on loopback, mail on the console."""

from . import environment
from .common import *  # noqa: F403
from .common import STORAGES

DEBUG = environment.env.bool("DEBUG", default=False)
DEMO = environment.env.bool("DEMO", default=True)
# The quick start keeps a generated key under .local/; this one only serves bare management commands.
SECRET_KEY = environment.SECRET_KEY or "insecure-development-key-used-only-without-the-supervisor"
ALLOWED_HOSTS = environment.ALLOWED_HOSTS or ["127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = environment.CSRF_TRUSTED_ORIGINS
# Hashed names as in production, without the compression: over loopback it saves nothing, and it takes most of a minute.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
