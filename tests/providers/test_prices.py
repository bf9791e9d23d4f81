"""The price table is a setting with dates."""

from datetime import date
from fractions import Fraction

import pytest

from react1.pipeline.core.errors import PresetError
from react1.pipeline.providers.prices import current_price
from react1.pipeline.providers.provider_settings import segmind, sync

DAY = date(2026, 11, 25)


def test_the_published_prices():
    """$0.00667 a frame at sync.so; 8 s at 25 frames/s are $1.33 there, and $1.34 assumed at Segmind."""
    assert current_price("sync", DAY, {}).cost_usd(Fraction(8), 200) == pytest.approx(1.334)
    assert current_price("segmind", DAY, {}).cost_usd(Fraction(8), 200) == pytest.approx(1.336)


def test_a_table_of_ones_own_counts_from_its_dates(tmp_path):
    """The newest that has begun."""
    table = tmp_path / "prices.yaml"
    table.write_text(
        "prices:\n"
        "  - {provider: segmind, since: 2026-01-01, usd_per_s: 0.2, least_usd: 1}\n"
        "  - {provider: segmind, since: 2026-11-01, usd_per_s: 0.3}\n"
        "  - {provider: segmind, since: 2027-01-01, usd_per_s: 9}\n"
    )
    told = {"REACT1_PRICES": str(table)}

    assert current_price("segmind", DAY, told).cost_usd(Fraction(10), 250) == 3.0
    assert current_price("segmind", date(2026, 6, 1), told).cost_usd(Fraction(1), 25) == 1.0
    with pytest.raises(PresetError, match="has no price of sync"):
        current_price("sync", DAY, told)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prices:\n  - {provider: segmind, since: 2026-01-01}\n", "give usd_per_s or usd_per_frame"),
        ("prices:\n  - {provider: nobody, since: 2026-01-01, usd_per_s: 1}\n", "prices.yaml:2:16"),
        ("", "expected a mapping, not nothing"),
    ],
)
def test_a_table_that_is_wrong_is_told_with_its_line(tmp_path, text, says):
    """Before anything runs."""
    table = tmp_path / "prices.yaml"
    table.write_text(text)

    with pytest.raises(PresetError, match=says):
        current_price("segmind", DAY, {"REACT1_PRICES": str(table)})


@pytest.mark.parametrize("host", [segmind, sync])
def test_a_host_without_a_key_is_refused_before_anything_runs(host):
    """With the name of the variable."""
    with pytest.raises(PresetError, match="_API_KEY"):
        host({}).require()


@pytest.mark.parametrize("stray", ["…", " ", "\n", "\u00a0", "\x7f"], ids=ascii)
@pytest.mark.parametrize(("host", "name"), [(segmind, "SEGMIND_API_KEY"), (sync, "SYNC_API_KEY")])
def test_a_key_with_a_stray_character_is_refused_before_anything_runs(host, name, stray):
    """No request could carry it; the key itself is not told, and white space around it does not matter."""
    host({name: " SG_first-half_0.~\n"}).require()

    with pytest.raises(PresetError, match=f"{name} holds a character that no key has") as caught:
        host({name: f"SG_first{stray}half"}).require()

    assert "SG_" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://api.example.com", "ftp://x", "nonsense", "http://10.0.0.1:8791"])
def test_a_key_is_not_sent_to_an_address_in_the_clear(address):
    """Loopback apart."""
    with pytest.raises(PresetError, match="https only"):
        segmind({"SEGMIND_API_KEY": "k", "REACT1_SEGMIND_URL": address}).require()
    segmind({"SEGMIND_API_KEY": "k", "REACT1_SEGMIND_URL": "http://[::1]:8791"}).require()
