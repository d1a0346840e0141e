"""The frame: the entry point for WSGI servers (HTTP in production)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portfolio_site.settings.prod")
# Its workers have the same few threads all their life; under daphne each request brings a thread of its own.
os.environ.setdefault("DATABASE_CONNECTIONS", "kept")
# Nobody waits for a page that long; jobs and commands may take their time.
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "60")

application = get_wsgi_application()
