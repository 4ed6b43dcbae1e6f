"""Which values of the settings are secrets, and what of them may be repeated by others."""

from __future__ import annotations

from pathlib import Path

from trueup.settings import load
from trueup.settings.hidden import hidden_values
from trueup.settings.options import OPTIONS

ENVIRONMENT = {
    "DATABASE_URL": "postgresql://trueup:da%2Ftabase-pw@db.example:5432/catalogue",
    "ZOHO_CLIENT_SECRET": "client-secret-0123",
    "ZOHO_REFRESH_TOKEN": "1000.refresh.token",
    "CRON_SECRET": "cron-secret-new",
    "CRON_SECRET_PREVIOUS": "cron-secret-old",
    "TRUEUP_ALERTS": "https://chat.example/hooks/T0001/B0002/aBcDeFgHiJkL,"
    "mailto://night:mail-pw@mail.example?to=a@b.example",
    "TRUEUP_PING_URL": "https://ping.example/0a1b2c3d-aaaa-bbbb",
    "TRUEUP_SECRET_KEY": "key-of-the-tests-00",
    "TRUEUP_OIDC_CLIENT_SECRET": "secret-of-a-provider",
}


def test_every_secret_is_hidden_whole_and_in_its_telling_parts(tmp_path: Path) -> None:
    known = set(hidden_values(load(environment=ENVIRONMENT | {"TRUEUP_DATA_DIR": str(tmp_path)})))
    assert {value for name, value in ENVIRONMENT.items() if name != "TRUEUP_ALERTS"} <= known
    parts = ("da/tabase-pw", "da%2Ftabase-pw", "aBcDeFgHiJkL", "mail-pw", "0a1b2c3d-aaaa-bbbb")
    assert set(parts) <= known
    assert known.isdisjoint({"db.example", "trueup", "catalogue", "hooks", "chat.example"})


def test_nothing_that_is_marked_as_a_secret_is_forgotten(tmp_path: Path) -> None:
    secret = {option.name for option in OPTIONS if option.secret}
    settings = load(environment=ENVIRONMENT | {"TRUEUP_DATA_DIR": str(tmp_path)})
    assert {name for name in secret if not getattr(settings, name)} == set()
    known = set(hidden_values(settings))
    for name in secret:
        value = getattr(settings, name)
        assert {value} <= known if isinstance(value, str) else set(value) <= known, name


def test_a_connection_string_and_the_key_in_the_data_directory_count_too(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("made-by-the-program\n")
    env = {
        "DATABASE_URL": "host=db.example password='it''s' user=a",
        "TRUEUP_DATA_DIR": str(tmp_path),
    }
    known = set(hidden_values(load(environment=env)))
    assert "made-by-the-program" in known
    other = load(environment=env | {"DATABASE_URL": "host=db.example password=plain-pw user=a"})
    assert "plain-pw" in set(hidden_values(other))
