"""Forms of the backups page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings

from holdings.forms.imports import too_large_message
from holdings.models import BackupInterval, Portfolio
from portfolio_site.kernel.forms import OneTimeFormMixin


def _portfolios(owner: Any) -> list[tuple[str, str]]:
    rows = Portfolio.objects.visible_to(owner).filter(owner_id=owner.pk).order_by("name")
    return [(str(pk), name) for pk, name in rows.values_list("pk", "name")]


class NewBackupForm(OneTimeFormMixin):
    """What to put away now."""

    what = forms.ChoiceField(label="What", required=False)

    def __init__(self, *args: Any, owner: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        what = self.fields["what"]
        assert isinstance(what, forms.ChoiceField)
        what.choices = [("", "All portfolios"), *_portfolios(owner)]

    def portfolio_id(self) -> int | None:
        """The one that was chosen; None for all."""
        return int(self.cleaned_data["what"]) if self.cleaned_data["what"] else None


class BackupPlanForm(forms.Form):
    """How often, and how many stay."""

    every = forms.ChoiceField(label="Back up automatically", choices=BackupInterval.choices)
    keep = forms.IntegerField(
        label="Keep", min_value=1, max_value=100, help_text="The latest so many; those made by hand stay."
    )


class BackupUploadForm(OneTimeFormMixin):
    """A backup from elsewhere."""

    file = forms.FileField(
        label="Backup file",
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
        widget=forms.FileInput(attrs={"accept": ".zip,application/zip"}),
    )

    def clean_file(self) -> Any:
        """Refuse what is too large before anybody reads it."""
        upload = self.cleaned_data["file"]
        if upload.size > settings.UPLOAD_MAX_BYTES:
            raise forms.ValidationError(too_large_message(upload.size), code="too_large")
        return upload


class RestoreForm(OneTimeFormMixin):
    """Which portfolio of a backup, and where it goes."""

    NEW = "new"

    file = forms.ChoiceField(label="Portfolio in the backup")
    into = forms.ChoiceField(label="Restore into")
    exact = forms.BooleanField(
        label="Take back what was booked since the backup was made",
        required=False,
        help_text="Only for an existing portfolio: it then is what it was.",
    )

    def __init__(self, *args: Any, owner: Any, members: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        file, into = self.fields["file"], self.fields["into"]
        assert isinstance(file, forms.ChoiceField)
        assert isinstance(into, forms.ChoiceField)
        file.choices = [(m.file, f"{m.name} ({m.entries} entries, {m.base_currency})") for m in members]
        tracked = Portfolio.objects.visible_to(owner).filter(
            owner_id=owner.pk, kind="tracked", archived_at=None
        )
        into.choices = [
            (self.NEW, "A new portfolio"),
            *((str(pk), name) for pk, name in tracked.order_by("name").values_list("pk", "name")),
        ]

    def portfolio_id(self) -> int | None:
        """The portfolio it goes into; None for a new one."""
        into = self.cleaned_data["into"]
        return None if into == self.NEW else int(into)
