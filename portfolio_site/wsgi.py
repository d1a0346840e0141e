"""The frame: the entry point for WSGI servers (HTTP in production)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portfolio_site.settings.prod")

application = get_wsgi_application()
