"""Accounts: the person who signs in.

A user is known by an e-mail address, kept in lower case so that one address is one person however it is typed.
"""

from __future__ import annotations

import zoneinfo
from functools import lru_cache
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property

from accounts.roles import Role


def validate_time_zone(value: str) -> None:
    """Refuse a name that is not an IANA time zone this machine knows."""
    if value not in zoneinfo.available_timezones():
        raise ValidationError("“%(value)s” is not a time zone.", code="time_zone", params={"value": value})


@lru_cache(maxsize=1000)
def zone_or_utc(name: str) -> zoneinfo.ZoneInfo:
    """The IANA zone of that name; UTC when this machine does not know it."""
    return zoneinfo.ZoneInfo(name if name in zoneinfo.available_timezones() else "UTC")


def validate_locale(value: str) -> None:
    """Refuse a locale whose numbers and dates this site cannot write."""
    if value not in Locale.values:
        raise ValidationError("“%(value)s” is not offered here.", code="locale", params={"value": value})


validate_currency = RegexValidator(
    r"\A[A-Z0-9]{3,8}\Z", "Use a currency code such as EUR or USD.", code="currency"
)


class LowerCaseEmailField(models.EmailField[str, str]):
    """An e-mail address that is stored, and looked up, in lower case."""

    def get_prep_value(self, value: Any) -> Any:
        """Lower-case what goes into a query or a row."""
        prepared = super().get_prep_value(value)
        return prepared.strip().lower() if isinstance(prepared, str) else prepared

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Let the instance show what the row will hold."""
        value = self.get_prep_value(getattr(model_instance, self.attname))
        setattr(model_instance, self.attname, value)
        return value


class Theme(models.TextChoices):
    """How the pages are coloured."""

    AUTO = "auto", "Like the device"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class Locale(models.TextChoices):
    """How numbers and dates are written. The words of the site stay English."""

    EN_US = "en-us", "English (United States)"
    EN_GB = "en-gb", "English (United Kingdom)"
    EN_AU = "en-au", "English (Australia)"
    EN_CA = "en-ca", "English (Canada)"
    EN_IE = "en-ie", "English (Ireland)"
    EN_IN = "en-in", "English (India)"
    EN_NZ = "en-nz", "English (New Zealand)"
    DE = "de", "German (Germany)"
    DE_AT = "de-at", "German (Austria)"
    DE_CH = "de-ch", "German (Switzerland)"
    CS = "cs", "Czech"
    DA = "da", "Danish"
    ES = "es", "Spanish"
    FI = "fi", "Finnish"
    FR = "fr", "French"
    FR_CH = "fr-ch", "French (Switzerland)"
    IT = "it", "Italian"
    NB = "nb", "Norwegian"
    NL = "nl", "Dutch"
    PL = "pl", "Polish"
    PT_BR = "pt-br", "Portuguese (Brazil)"
    PT = "pt", "Portuguese (Portugal)"
    SV = "sv", "Swedish"
    JA = "ja", "Japanese"


class UserManager(BaseUserManager["User"]):
    """Makes users; an e-mail address and, for people, a password."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Make a user. Without a password nobody can sign in by password as this user."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Make a user who may do everything in the admin (`manage.py createsuperuser`)."""
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> User:
        """Find a user by e-mail address, however it is capitalised."""
        return self.get(email=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person with an account.

    `suspended_at` is the one switch that keeps a person out: `is_active` follows it by a database constraint, so that
    everything that knows only Django's flag (login, password reset, sessions) holds to it as well.
    """

    email = LowerCaseEmailField("e-mail address", max_length=254, unique=True)
    name = models.CharField(max_length=120, blank=True, help_text="How we address you. Nobody else sees it.")
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    locale = models.CharField(
        "number and date format", max_length=16, default=Locale.EN_US, validators=[validate_locale]
    )
    base_currency = models.CharField(
        max_length=8,
        default="USD",
        validators=[validate_currency],
        help_text="What your totals are shown in.",
    )
    theme = models.CharField(max_length=8, choices=Theme.choices, default=Theme.AUTO)
    hide_amounts = models.BooleanField(
        "privacy mode", default=False, help_text="Amounts are covered on every page."
    )

    is_staff = models.BooleanField("staff", default=False, help_text="May open the administration pages.")
    is_active = models.BooleanField("active", default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    password_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    session_epoch = models.PositiveIntegerField(default=0, editable=False)
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_by = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Empty when the person did it.",
    )
    suspended_reason = models.CharField(max_length=300, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(email=Lower(F("email"))), name="accounts_user_email_is_lower_case"
            ),
            models.CheckConstraint(
                condition=Q(suspended_at__isnull=True, is_active=True)
                | Q(suspended_at__isnull=False, is_active=False),
                name="accounts_user_active_unless_suspended",
            ),
            models.CheckConstraint(condition=Q(theme__in=Theme.values), name="accounts_user_theme_known"),
        ]

    def __str__(self) -> str:
        return self.email

    def set_password(self, raw_password: str | None) -> None:
        """Set a new password and note when, so that the audit trail shows the change without showing the hash.

        When Django merely re-hashes a password at sign-in it saves nothing but the hash, and the time stays as it was.
        """
        super().set_password(raw_password)
        self.password_changed_at = timezone.now()

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """Tie sessions to the password and to `session_epoch`: raising the epoch ends every session of the person."""
        digest: str = salted_hmac(
            "accounts.models.User.get_session_auth_hash",
            f"{self.password}:{self.session_epoch}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()
        return digest

    @cached_property
    def roles(self) -> frozenset[Role]:
        """The person's roles; read once for each loaded object."""
        return Role.among(self.groups.values_list("name", flat=True))

    @property
    def is_read_only(self) -> bool:
        """Whether this person looks but changes nothing: auditors."""
        return Role.AUDITOR in self.roles

    @property
    def is_suspended(self) -> bool:
        """Whether this person is kept out."""
        return self.suspended_at is not None

    def get_full_name(self) -> str:
        """The name to address the person by; the e-mail address when none was given."""
        return self.name or self.email

    def get_short_name(self) -> str:
        """The first word of the name; what stands before the @ when there is none."""
        return self.name.split()[0] if self.name.strip() else self.email.partition("@")[0]

    def email_user(self, subject: str, message: str, from_email: str | None = None, **kwargs: Any) -> None:
        """Send this person a mail."""
        send_mail(subject, message, from_email, [self.email], **kwargs)
