"""The cellar: addresses of its pages."""

from django.urls import path

from documents import web

app_name = "documents"

urlpatterns = [
    path("documents/", web.index, name="index"),
    path("documents/<uuid:document_id>/download/", web.download, name="download"),
    path("documents/<uuid:document_id>/delete/", web.delete, name="delete"),
    path("documents/file/<str:token>/", web.file, name="file"),
]
