"""The print shop: addresses of its pages."""

from django.urls import path

from reports import web

app_name = "reports"

urlpatterns = [
    path("reports/", web.index, name="index"),
    path("reports/jobs/", web.jobs, name="jobs"),
    path("reports/<uuid:job_id>/delete/", web.delete, name="delete"),
]
