"""The price table is a setting with dates."""

from datetime import date
from fractions import Fraction

import pytest

from react1.pipeline.core.errors import PresetError
from react1.pipeline.providers.prices import current_price
from react1.pipeline.providers.provider_settings import segmind, sync

DAY = date(2026, 11, 25)


def test_published_prices():
    """$0.00667 per frame at sync.so; 8 s at 25 frames/s are $1.33 there, and $1.34 assumed at Segmind."""
    assert current_price("sync", DAY, {}).cost_usd(Fraction(8), 200) == pytest.approx(1.334)
    assert current_price("segmind", DAY, {}).cost_usd(Fraction(8), 200) == pytest.approx(1.336)


def test_own_table_counts_from_its_dates(tmp_path):
    """The latest price that is in force counts."""
    table = tmp_path / "prices.yaml"
    table.write_text(
        "prices:\n"
        "  - {provider: segmind, since: 2026-01-01, usd_per_s: 0.2, least_usd: 1}\n"
        "  - {provider: segmind, since: 2026-11-01, usd_per_s: 0.3}\n"
        "  - {provider: segmind, since: 2027-01-01, usd_per_s: 9}\n"
    )
    environ = {"REACT1_PRICES": str(table)}

    assert current_price("segmind", DAY, environ).cost_usd(Fraction(10), 250) == 3.0
    assert current_price("segmind", date(2026, 6, 1), environ).cost_usd(Fraction(1), 25) == 1.0
    with pytest.raises(PresetError, match="has no price of sync"):
        current_price("sync", DAY, environ)


def test_price_is_in_force_from_its_date_on(tmp_path):
    """The date itself is included."""
    table = tmp_path / "prices.yaml"
    table.write_text("prices:\n  - {provider: sync, since: 2026-11-25, usd_per_s: 0.2}\n")
    environ = {"REACT1_PRICES": str(table)}

    assert current_price("sync", DAY, environ).usd_per_s == 0.2
    with pytest.raises(PresetError, match="has no price of sync for 2026-11-24"):
        current_price("sync", date(2026, 11, 24), environ)


def test_latest_price_counts_in_whatever_order_the_table_has(tmp_path):
    """Not the last row."""
    table = tmp_path / "prices.yaml"
    table.write_text(
        "prices:\n"
        "  - {provider: sync, since: 2026-10-01, usd_per_s: 0.3}\n"
        "  - {provider: sync, since: 2026-01-01, usd_per_s: 0.1}\n"
    )

    assert current_price("sync", DAY, {"REACT1_PRICES": str(table)}).usd_per_s == 0.3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prices:\n  - {provider: segmind, since: 2026-01-01}\n", "set either usd_per_s or usd_per_frame"),
        ("prices:\n  - {provider: nobody, since: 2026-01-01, usd_per_s: 1}\n", "prices.yaml:2:16"),
        ("", "expected a mapping, not nothing"),
    ],
)
def test_wrong_table_is_reported_with_its_line(tmp_path, text, message):
    """Before anything runs."""
    table = tmp_path / "prices.yaml"
    table.write_text(text)

    with pytest.raises(PresetError, match=message):
        current_price("segmind", DAY, {"REACT1_PRICES": str(table)})


@pytest.mark.parametrize("provider", [segmind, sync])
def test_provider_without_a_key_is_refused_before_anything_runs(provider):
    """The message names the variable."""
    with pytest.raises(PresetError, match="_API_KEY"):
        provider({}).require()


@pytest.mark.parametrize("stray", ["…", " ", "\n", "\u00a0", "\x7f"], ids=ascii)
@pytest.mark.parametrize(("provider", "name"), [(segmind, "SEGMIND_API_KEY"), (sync, "SYNC_API_KEY")])
def test_key_with_an_invalid_character_is_refused_before_anything_runs(provider, name, stray):
    """The message does not contain the key; white space around a key is ignored."""
    provider({name: " SG_first-half_0.~\n"}).require()

    with pytest.raises(PresetError, match=f"{name} contains a character that is not valid in a key") as caught:
        provider({name: f"SG_first{stray}half"}).require()

    assert "SG_" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://api.example.com", "ftp://x", "nonsense", "http://10.0.0.1:8791"])
def test_key_is_not_sent_unencrypted(url):
    """Except on loopback."""
    with pytest.raises(PresetError, match="https only"):
        segmind({"SEGMIND_API_KEY": "k", "REACT1_SEGMIND_URL": url}).require()
    segmind({"SEGMIND_API_KEY": "k", "REACT1_SEGMIND_URL": "http://[::1]:8791"}).require()
