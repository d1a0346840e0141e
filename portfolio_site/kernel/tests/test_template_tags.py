"""Template tags and form templates: what they write, in which locale, for eyes and for screen readers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django import forms
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from portfolio_site.kernel import formatting
from portfolio_site.kernel.display import display_for
from portfolio_site.kernel.forms import ComboboxInput, FieldsetsMixin


def render(source: str, locale: str = "en-us", **values: Any) -> str:
    return Template("{% load holdfast %}" + source).render(Context({"hf_locale": locale, **values}))


class TestMoney:
    def test_writes_the_amount_so_that_privacy_mode_can_cover_it(self) -> None:
        html = render("{% money v 'USD' %}", v=Decimal("1234.5"))
        assert html == '<span class="amount"><span class="amount-value">$1,234.50</span></span>'

    @pytest.mark.parametrize(
        ("locale", "currency", "expected"),
        [
            ("de", "EUR", "−1.234,50\xa0€"),
            ("de-ch", "CHF", "−CHF\xa01’234.50"),
            ("en-gb", "GBP", "−£1,234.50"),
            ("sv", "SEK", "−1\xa0234,50\xa0kr"),
            ("pt-br", "BRL", "−R$\xa01.234,50"),
        ],
    )
    def test_follows_the_locale_and_uses_a_real_minus(
        self, locale: str, currency: str, expected: str
    ) -> None:
        assert formatting.format_money(Decimal("-1234.5"), currency, locale=locale) == expected

    def test_keeps_every_digit_of_a_large_amount(self) -> None:
        text = formatting.format_money(Decimal("123456789012345678901234567890.12"), "USD")
        assert text == "$123,456,789,012,345,678,901,234,567,890.12"

    def test_uses_the_minor_unit_of_the_currency(self) -> None:
        assert formatting.format_money(Decimal(1234), "JPY") == "¥1,234"
        assert formatting.format_money(Decimal("1.5"), "KWD") == "KWD\xa01.500"
        assert formatting.format_money(Decimal("0.12500000"), "BTC") == "BTC\xa00.125"

    def test_refuses_floats(self) -> None:
        with pytest.raises(TypeError):
            render("{% money v 'USD' %}", v=1.5)
        with pytest.raises(TypeError):
            formatting.format_number(1.5)

    def test_says_when_there_is_no_value(self) -> None:
        html = render("{% money v 'USD' %}", v=None)
        assert "–" in html
        assert "not available" in html

    def test_escapes_the_currency(self) -> None:
        assert "<script>" not in render("{% money v c %}", v=Decimal(1), c="<script>")

    def test_an_unknown_locale_falls_back_to_english(self) -> None:
        assert formatting.format_money(Decimal("1234.5"), "USD", locale="tlh-!!") == "$1,234.50"


class TestSigned:
    @pytest.mark.parametrize(
        ("value", "direction", "text"),
        [
            (Decimal(12), "is-gain", "+$12.00"),
            (Decimal(-12), "is-loss", "−$12.00"),
            (Decimal(0), "is-flat", "$0.00"),
            (Decimal("-0.001"), "is-flat", "$0.00"),
        ],
    )
    def test_money_has_sign_and_direction(self, value: Decimal, direction: str, text: str) -> None:
        html = render("{% signed_money v 'USD' %}", v=value)
        assert f'class="{direction}"' in html
        assert f">{text}<" in html

    def test_percentages_come_from_fractions(self) -> None:
        assert ">+12.34%<" in render("{% signed_pct v %}", v=Decimal("0.1234"))
        assert ">12,3\xa0%<" in render("{% pct v digits=1 %}", "de", v=Decimal("0.1234"))


class TestQuantityAndPrice:
    def test_quantity_has_no_trailing_zeros(self) -> None:
        assert ">1,250.375<" in render("{% qty v %}", v=Decimal("1250.375000000000"))

    def test_quantity_is_private_unless_public(self) -> None:
        assert "amount" in render("{% qty v %}", v=Decimal(1))
        assert "amount" not in render("{% qty v public=True %}", v=Decimal(1))

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("401.77", "$401.77"),
            ("0.05", "$0.05"),
            ("1.2345678", "$1.2346"),
            ("0.000012345", "$0.00001234"),
            ("0", "$0.00"),
        ],
    )
    def test_price_shows_the_digits_that_matter(self, value: str, expected: str) -> None:
        assert formatting.format_price(Decimal(value), "USD") == expected

    def test_price_is_public(self) -> None:
        assert "amount" not in render("{% price v 'USD' %}", v=Decimal(1))


class TestChartTable:
    def test_days_and_money_are_written_for_the_person(self) -> None:
        assert ">04.11.2026<" in render("{% chart_cell v 'EUR' %}", "de", v=dt.date(2026, 11, 4))
        html = render("{% chart_cell v 'EUR' %}", "de", v=Decimal("1234.5"))
        assert 'class="amount-value"' in html
        assert "1.234,50" in html

    def test_words_stay_words(self) -> None:
        assert render("{% chart_cell v %}", v="<b>Equity</b>") == "&lt;b&gt;Equity&lt;/b&gt;"
        assert "not available" in render("{% chart_cell v 'EUR' %}", v=None)


class TestWhen:
    AT = dt.datetime(2026, 11, 3, 23, 30, tzinfo=dt.UTC)

    def test_shows_the_active_zone_and_says_which(self) -> None:
        with timezone.override("Europe/Berlin"):
            html = render("{% when v %}", "de", v=self.AT)
        assert 'datetime="2026-11-03T23:30:00+00:00"' in html
        assert ">04.11.2026, 00:30<" in html
        assert "CET" in html

    def test_a_day_does_not_move_with_the_zone(self) -> None:
        with timezone.override("Pacific/Kiritimati"):
            assert ">Nov 3, 2026<" in render("{% when v %}", v=dt.date(2026, 11, 3))

    @time_machine.travel(dt.datetime(2026, 11, 3, 23, 45, tzinfo=dt.UTC), tick=False)
    def test_relative_counts_from_now(self) -> None:
        assert ">15 minutes ago<" in render("{% when v 'relative' %}", v=self.AT)

    def test_ago_reads_well_at_its_edges(self) -> None:
        def ago(seconds: int) -> str:
            return formatting.format_ago(self.AT - dt.timedelta(seconds=seconds), now=self.AT)

        assert [ago(s) for s in (0, 60, 3600, 86_400, -7200)] == [
            "just now", "1 minute ago", "1 hour ago", "1 day ago", "in 2 hours",
        ]  # fmt: skip


class TestSmallThings:
    def test_icon_is_silent_without_a_label(self) -> None:
        assert 'aria-hidden="true"' in render("{% icon 'bell' %}")
        assert 'aria-label="Unread"' in render("{% icon 'bell' label='Unread' %}")

    def test_status_uses_words(self) -> None:
        assert "Partly filled" in render("{% status 'partially_filled' %}")
        assert "On hold" in render("{% status 'on_hold' %}")

    def test_every_listed_state_has_an_icon(self) -> None:
        from portfolio_site.kernel.templatetags.holdfast import STATES

        for state in STATES:
            assert "<svg" in render("{% status s %}", s=state)

    def test_sparkline_says_its_direction_and_needs_two_points(self) -> None:
        html = render("{% sparkline v label='Month' %}", v=[Decimal(1), None, Decimal(3)])
        assert "hf-spark-up" in html
        assert 'aria-label="Month: rising"' in html
        assert "style=" not in html
        assert "not available" in render("{% sparkline v %}", v=[Decimal(1)])

    def test_share_bar_stays_inside(self) -> None:
        assert 'width="100.0"' in render("{% share_bar v %}", v=Decimal("1.4"))
        assert 'width="0.0"' in render("{% share_bar v %}", v=Decimal(-1))

    def test_initials(self) -> None:
        assert [render("{{ n|initials }}", n=n) for n in ("Ada King Lovelace", "ada@x.org", "")] == [
            "AL", "A", "?",
        ]  # fmt: skip


class TestSortHeader:
    def head(self, query: str) -> str:
        request = RequestFactory().get(f"/?{query}")
        source = Template(
            "{% load holdfast %}{% sort_header 'value' 'Value' numeric=True default='-value' %}"
        )
        context = Context()
        context.request = request  # type: ignore[attr-defined]
        return source.render(context)

    def test_keeps_the_rest_of_the_query_and_starts_at_the_first_page(self) -> None:
        html = self.head("q=a%26b&page=3&sort=name")
        assert 'href="?q=a%26b&amp;sort=-value"' in html
        assert 'aria-sort="none"' in html

    def test_turns_round(self) -> None:
        assert 'aria-sort="descending"' in self.head("")
        assert 'href="?sort=value"' in self.head("sort=-value")
        assert 'aria-sort="ascending"' in self.head("sort=value")


class TestDisplay:
    def test_a_visitors_choice_comes_from_cookies_and_language(self) -> None:
        request = RequestFactory().get("/", headers={"Accept-Language": "de-CH,de;q=0.9"})
        request.COOKIES = {"hf_theme": "dark", "hf_privacy": "on"}
        show = display_for(request)
        assert (show.theme, show.hide_amounts, show.locale) == ("dark", True, "de-ch")

    def test_a_persons_settings_beat_cookies(self) -> None:
        request = RequestFactory().get("/")
        request.COOKIES = {"hf_theme": "dark"}
        request.user = SimpleNamespace(  # type: ignore[assignment]
            is_authenticated=True, theme="light", hide_amounts=True, locale="fr"
        )
        show = display_for(request)
        assert (show.theme, show.hide_amounts, show.locale) == ("light", True, "fr")

    def test_nonsense_is_not_passed_on(self) -> None:
        request = RequestFactory().get("/", headers={"Accept-Language": "x" * 5000})
        request.COOKIES = {"hf_theme": '"><script>'}
        assert display_for(request).theme == "auto"


class SampleForm(FieldsetsMixin, forms.Form):
    fieldsets = (("What", ["instrument", "quantity"]),)

    instrument = forms.CharField(widget=ComboboxInput(src="/find/"), help_text="Symbol or name.")
    quantity = forms.DecimalField(widget=forms.NumberInput(attrs={"data-col": "6", "data-suffix": "USD"}))
    note = forms.CharField(required=False)
    agree = forms.BooleanField()


class TestFormTemplates:
    def test_an_error_is_tied_to_its_field(self) -> None:
        html = str(SampleForm({"instrument": "AAPL", "quantity": "x"}))
        assert 'aria-invalid="true"' in html
        assert 'aria-describedby="id_quantity_error"' in html
        assert 'id="id_quantity_error"' in html

    def test_help_optional_mark_suffix_and_keyboard(self) -> None:
        html = str(SampleForm())
        assert 'id="id_instrument_helptext"' in html
        assert "(optional)" in html
        assert '<span class="input-group-text">USD</span>' in html
        assert 'inputmode="decimal"' in html
        assert "hf-field-6" in html
        assert 'class="form-check-input"' in html

    def test_fields_in_no_group_come_last(self) -> None:
        groups = SampleForm().fieldset_groups()
        assert [[field.name for field in group.fields] for group in groups] == [
            ["instrument", "quantity"], ["note", "agree"],
        ]  # fmt: skip

    def test_combobox_takes_the_text_without_javascript(self) -> None:
        form = SampleForm({"instrument_text": "aapl", "instrument": "", "quantity": "1", "agree": "on"})
        assert form.is_valid()
        assert form.cleaned_data["instrument"] == "aapl"

    def test_values_are_escaped(self) -> None:
        html = str(SampleForm({"instrument_text": '"><script>alert(1)</script>', "note": "<b>"}))
        assert "<script>alert" not in html
        assert "<b>" not in html

    def test_no_inline_style_or_script(self) -> None:
        html = str(SampleForm({}))
        assert " style=" not in html
        assert "onclick" not in html


class TestSentences:
    @pytest.mark.parametrize(
        ("text", "locale", "shown"),
        [
            ("needs 1000000.00 USD.", "en-us", "needs 1,000,000.00 USD."),
            ("needs 1000000.00 USD.", "de-de", "needs 1.000.000,00 USD."),
            ("steps of 0.000001.", "de-de", "steps of 0,000001."),
            ("at 14:03:05 UTC on 2026-03-09", "en-us", "at 14:03:05 UTC on 2026-03-09"),
            (
                "order 55084001-e29b-41d4-a716-446655440000",
                "en-us",
                "order 55084001-e29b-41d4-a716-446655440000",
            ),
            ("PA12345678 and v1.2.3", "en-us", "PA12345678 and v1.2.3"),
            ("007", "en-us", "007"),
            ("9" * 50, "en-us", "9" * 50),
            ("70000 trades at 70001", "en-us", "70000 trades at 70,001"),
            ("٣٤٥٦", "en-us", "٣٤٥٦"),
        ],
    )
    def test_have_their_figures_written_as_the_locale_does(self, text: str, locale: str, shown: str) -> None:
        assert formatting.format_sentence(text, locale=locale, but=("70000",)) == shown
