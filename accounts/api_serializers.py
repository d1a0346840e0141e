"""Accounts: what the API says about people and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import queries
from accounts.models import SCOPES, ApiToken, Locale, Theme, User, access_for, validate_time_zone
from accounts.roles import Role
from portfolio_site.kernel.api.strict import StrictInput, StrictSerializer
from portfolio_site.kernel.money import is_currency

if TYPE_CHECKING:
    _UserSerializer = serializers.ModelSerializer[User]
    _TokenSerializer = serializers.ModelSerializer[ApiToken]
    _Serializer = serializers.Serializer[Any]
else:
    _UserSerializer = _TokenSerializer = serializers.ModelSerializer
    _Serializer = serializers.Serializer


class MeSerializer(StrictInput, _UserSerializer):
    """The signed-in person. Preferences can be changed; the rest can be read."""

    locale = serializers.ChoiceField(choices=Locale.choices, required=False)
    theme = serializers.ChoiceField(choices=Theme.choices, required=False)
    time_zone = serializers.CharField(
        max_length=64, required=False, validators=[validate_time_zone], help_text="IANA name."
    )
    base_currency = serializers.CharField(max_length=8, required=False, help_text="ISO 4217 code.")
    roles = serializers.SerializerMethodField()
    has_second_factor = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "name",
            "base_currency",
            "locale",
            "time_zone",
            "theme",
            "hide_amounts",
            "roles",
            "has_second_factor",
            "date_joined",
        )
        read_only_fields = ("id", "email", "date_joined")

    @extend_schema_field(
        serializers.ListField(child=serializers.ChoiceField(choices=[r.value for r in Role]))
    )
    def get_roles(self, user: User) -> list[str]:
        """The names of the person's roles."""
        return sorted(role.value for role in queries.roles_of(user))

    def get_has_second_factor(self, user: User) -> bool:
        """Whether signing in takes more than the password."""
        return queries.has_second_factor(user)

    def validate_base_currency(self, value: str) -> str:
        """Take only currencies that the books can hold."""
        if not is_currency(value):
            raise serializers.ValidationError("This is not a currency the site knows.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse fields that do not exist or cannot be changed, instead of ignoring them."""
        changeable = {name for name, field in self.fields.items() if not field.read_only}
        unknown = set(self.initial_data) - changeable
        if unknown:
            raise serializers.ValidationError(dict.fromkeys(sorted(unknown), "This cannot be changed here."))
        return attrs


class TokenSerializer(_TokenSerializer):
    """An API token, without its key."""

    is_live = serializers.SerializerMethodField()
    scopes = serializers.SerializerMethodField()

    class Meta:
        model = ApiToken
        fields = (
            "id",
            "name",
            "kind",
            "access",
            "scopes",
            "allowed_networks",
            "prefix",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
            "is_live",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=sorted(SCOPES["full"]))))
    def get_scopes(self, token: ApiToken) -> list[str]:
        """The single rights that its access comes to."""
        return sorted(token.scopes)

    def get_is_live(self, token: ApiToken) -> bool:
        """Whether the key opens anything now."""
        return token.is_live(self.context["now"])


class NewTokenSerializer(StrictSerializer):
    """What to make."""

    name = serializers.CharField(max_length=80)
    access = serializers.ChoiceField(choices=ApiToken.Access.choices, default=ApiToken.Access.READ)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=sorted(SCOPES["full"])),
        required=False,
        max_length=3,
        help_text="Instead of `access`: the single rights. Reading is always part of it.",
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    allowed_networks = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        default=list,
        max_length=20,
        help_text="Addresses or networks (CIDR) from which the token is taken; none: from anywhere.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take the rights by either name."""
        scopes = attrs.pop("scopes", None)
        return attrs if scopes is None else {**attrs, "access": access_for(scopes)}


class IssuedTokenSerializer(_Serializer):
    """A new token with its key, which is shown this once."""

    key = serializers.CharField(help_text="Send it as `Authorization: Token <key>`. It is not stored.")
    token = TokenSerializer()


class CredentialsSerializer(StrictSerializer):
    """What a person registers with."""

    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, style={"input_type": "password"})


class LoginSerializer(CredentialsSerializer):
    """What a person signs in with."""

    code = serializers.CharField(
        max_length=32,
        required=False,
        allow_blank=True,
        default="",
        help_text="Code of the authenticator app, or a recovery code; needed when a second factor is set up.",
    )


class RefreshSerializer(StrictSerializer):
    """The token with which new ones are got."""

    refresh_token = serializers.CharField(max_length=4000)


class LogoutSerializer(StrictSerializer):
    """What ends: the session of the access token in the header, or of this refresh token."""

    refresh_token = serializers.CharField(max_length=4000, required=False, default="", allow_blank=True)


class ProgramTokensSerializer(_Serializer):
    """Tokens of a program that has signed in."""

    access_token = serializers.CharField(help_text="Send it as `Authorization: Bearer …`.")
    refresh_token = serializers.CharField(help_text="Exchange it at `/api/auth/refresh`; it works once.")
    token_type = serializers.CharField(default="Bearer", read_only=True)
    expires_in = serializers.IntegerField(help_text="Seconds that the access token lives.")


class RegistrationSerializer(_Serializer):
    """A sign-up, and the tokens unless the address has to be confirmed first."""

    email = serializers.EmailField()
    verification_required = serializers.BooleanField()
    access_token = serializers.CharField(allow_null=True)
    refresh_token = serializers.CharField(allow_null=True)
    token_type = serializers.CharField(default="Bearer", read_only=True)
    expires_in = serializers.IntegerField(allow_null=True)


class SignInSerializer(StrictSerializer):
    """Credentials of a person."""

    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, style={"input_type": "password"})
    code = serializers.CharField(
        max_length=32,
        required=False,
        allow_blank=True,
        default="",
        help_text="Code of the authenticator app, or a recovery code; needed when a second factor is set up.",
    )
    name = serializers.CharField(
        max_length=80, required=False, allow_blank=True, default="", help_text="A name for the token."
    )
