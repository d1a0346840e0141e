"""Accounts: people and their tokens in the administration pages. Every change goes through `accounts.operations`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts import operations, queries
from accounts.admin.base import ReadOnlyAdmin
from accounts.forms import InviteForm, RolesForm, SuspendForm
from accounts.models import ApiToken, User
from accounts.requests import origin_of
from accounts.roles import Role
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[User]
else:
    _ModelAdmin = admin.ModelAdmin


class RoleFilter(admin.SimpleListFilter):
    """People by role."""

    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The roles there are."""
        return [(role.value, role.value) for role in Role]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Only who has the chosen role."""
        return queryset.filter(groups__name=self.value()) if self.value() in set(Role) else queryset


class StateFilter(admin.SimpleListFilter):
    """People who can sign in, or cannot."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The two states."""
        return [("active", "Active"), ("suspended", "Suspended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Only who is in the chosen state."""
        if self.value() is None:
            return queryset
        return queryset.filter(suspended_at__isnull=self.value() == "active")


@admin.register(User)
class UserAdmin(_ModelAdmin):
    """People. Their details are theirs; what administrators do to them is on the "Access" page of each."""

    list_display = ("email", "name", "role_names", "state", "second_factor", "last_login", "date_joined")
    list_filter = (StateFilter, RoleFilter)
    search_fields = ("email", "name")
    ordering = ("email",)
    actions = ("end_sessions",)
    fields = (
        "email", "name", "role_names", "state", "suspended_at", "suspended_by", "suspended_reason", "second_factor",
        "password_changed_at", "last_login", "date_joined", "time_zone", "locale", "base_currency",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """People with their roles and whether they have a second factor, in two queries."""
        factors = Authenticator.objects.filter(user_id=OuterRef("pk")).exclude(
            type=Authenticator.Type.RECOVERY_CODES
        )
        return super().get_queryset(request).annotate(factor=Exists(factors)).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Everything, of a person who is there already."""
        return tuple(self.fields) if obj else ()

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Address and name of somebody new; all but secrets of a person who is there already."""
        return tuple(self.fields) if obj else ("email", "name")

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """A new person is invited."""
        return super().get_form(request, obj, change, **kwargs) if obj else InviteForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who may change people may invite them."""
        return self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody is deleted: the books name them."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Invite a new person; a person who is there already is not changed by this form."""
        if change:
            return
        made = operations.invite_user(
            email=obj.email,
            name=obj.name,
            actor=_actor(request),
            now=clock.now(),
            request=request,
            origin=origin_of(request),
        )
        obj.pk = made.pk
        obj.refresh_from_db()
        messages.success(request, f"{made.email} was sent a link to choose a password.")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Roles are not set here."""

    @admin.display(description="roles")
    def role_names(self, user: User) -> str:
        """The person's roles."""
        names = sorted(group.name for group in user.groups.all())
        return ", ".join([*names, *(["superuser"] if user.is_superuser else [])]) or "–"

    @admin.display(description="active", boolean=True)
    def state(self, user: User) -> bool:
        """Whether the person can sign in."""
        return not user.is_suspended

    @admin.display(description="second factor", boolean=True)
    def second_factor(self, user: Any) -> bool:
        """Whether the password alone does not do."""
        return bool(user.factor)

    @admin.action(description="Sign out everywhere", permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End the sessions of the chosen people."""
        for user in queryset:
            try:
                operations.end_sessions(
                    user_id=user.pk, actor=_actor(request), now=clock.now(), origin=origin_of(request)
                )
            except DomainError as error:
                messages.error(request, f"{user.email}: {error.message}")
            else:
                messages.success(request, f"{user.email} was signed out everywhere.")

    def get_urls(self) -> list[URLPattern]:
        """Put the access page beside the person's own."""
        access = path(
            "<int:user_id>/access/", self.admin_site.admin_view(self.access), name="accounts_user_access"
        )
        return [access, *super().get_urls()]

    def access(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Suspend, open again, set roles, sign out, remove second factors, send the confirmation mail again."""
        user = get_object_or_404(self.get_queryset(request), pk=user_id)
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        forms = self._forms(request, user)
        if request.method == "POST":
            done = self._do(request, user, forms)
            if done:
                messages.success(request, done)
                return HttpResponseRedirect(reverse("admin:accounts_user_access", args=[user.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Access of {user.email}",
            "person": user,
            "forms": forms,
            "email_verified": queries.has_verified_email(user),
            "sessions": queries.session_count(user),
        }
        return TemplateResponse(request, "admin/accounts/user/access.html", context)

    @staticmethod
    def _forms(request: HttpRequest, user: User) -> dict[str, Form]:
        does = request.POST.get("do") if request.method == "POST" else None
        return {
            "roles": RolesForm(
                request.POST if does == "roles" else None,
                initial={"roles": [role.value for role in queries.roles_of(user)]},
            ),
            "suspend": SuspendForm(request.POST if does == "suspend" else None),
        }

    def _do(self, request: HttpRequest, user: User, forms: dict[str, Form]) -> str | None:
        """Do what was asked; what was done in a sentence, or None when it was refused (the form says why)."""
        name = request.POST.get("do", "")
        form = forms.get(name)
        if form is not None and not form.is_valid():
            return None
        common: dict[str, Any] = {"user_id": user.pk, "actor": _actor(request)}
        dated = {**common, "now": clock.now(), "origin": origin_of(request)}
        doings: dict[str, Callable[[], str]] = {
            "suspend": lambda: _said(
                operations.suspend_user(**dated, reason=forms["suspend"].cleaned_data["reason"]),
                "is suspended.",
            ),
            "reactivate": lambda: _said(operations.reactivate_user(**dated), "can sign in again."),
            "roles": lambda: _said(
                operations.set_roles(**dated, roles=_chosen(forms["roles"])), "has these roles now."
            ),
            "end_sessions": lambda: _said(operations.end_sessions(**dated), "was signed out everywhere."),
            "reset_factors": lambda: _said(
                operations.reset_second_factors(**dated), "signs in with the password alone now."
            ),
            "verification": lambda: (
                "The mail is on its way."
                if operations.resend_verification(**common, request=request)
                else "The address was confirmed before."
            ),
        }
        if name not in doings:
            return None
        try:
            return doings[name]()
        except DomainError as error:
            if form is not None:
                form.add_error(error.field if error.field in form.fields else None, error.message)
            else:
                messages.error(request, error.message)
            return None


def _said(user: User, what: str) -> str:
    return f"{user.email} {what}"


def _chosen(form: Form) -> frozenset[Role]:
    assert isinstance(form, RolesForm)
    return form.chosen()


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens, without anything that would open a door."""

    list_display = (
        "name",
        "user",
        "kind",
        "access",
        "prefix",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    fields = list_display
    list_filter = ("kind", "access")
    list_select_related = ("user",)
    search_fields = ("user__email", "name", "prefix")
    ordering = ("-created_at",)
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may change people may revoke their keys."""
        return request.user.has_perm("accounts.change_user")

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Make the chosen keys worthless at once."""
        for token in queryset.select_related("user"):
            operations.revoke_token(
                user=token.user,
                token_id=token.pk,
                actor=_actor(request),
                now=clock.now(),
                origin=origin_of(request),
            )
        messages.success(request, "Revoked.")
