"""The frame: Content-Security-Policy. No inline script or style, nothing from another origin."""

#: Directives of the policy; `{nonce}` is filled per request, `{socket}` with this host's own socket origin.
CONTENT_SECURITY_POLICY: dict[str, str] = {
    "default-src": "'self'",
    "script-src": "'self' 'nonce-{nonce}'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self' {socket}",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
#: Swagger UI and Redoc write styles from script; only their own two pages may.
CONTENT_SECURITY_POLICY_RELAXED_STYLE_PATHS: tuple[str, ...] = ("/api/docs/", "/api/redoc/")
#: Redoc searches in a worker that it makes of its own text; only its own page may.
CONTENT_SECURITY_POLICY_WORKER_PATHS: tuple[str, ...] = ("/api/redoc/",)
