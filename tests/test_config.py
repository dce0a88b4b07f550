"""Settings: every problem at once, no secret shown, unknown names as warnings."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from gateway.config import DEFAULT_RETRY_SCHEDULE, Settings
from gateway.errors import StartupError

KEY_A, KEY_B = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def load(**values: str) -> Settings:
    return Settings.load({f"HUM_GATEWAY_{name}": value for name, value in values.items()})


def problems(**values: str) -> list[str]:
    with pytest.raises(StartupError) as caught:
        load(**values)
    return str(caught.value).splitlines()


def test_defaults_need_no_environment() -> None:
    settings = Settings.load({"PATH": "/bin", "HOME": "/home/x"})
    assert settings.is_sqlite
    assert settings.sqlite_path == Path("var/gateway.db")
    assert settings.retry_schedule == DEFAULT_RETRY_SCHEDULE
    assert settings.master_keys == ()
    assert settings.warnings == ()
    assert (settings.webhook_limit, settings.max_event_bytes) == (50, 262_144)


def test_all_problems_come_at_once_one_line_each() -> None:
    lines = problems(
        DATABASE_URL="mysql://x",
        MASTER_KEY="short",
        RETRY_SCHEDULE="5,0",
        LOG_FORMAT="xml",
        MAX_EVENT_BYTES="1e6",
    )
    assert [line.split(":")[0] for line in lines] == [
        "HUM_GATEWAY_DATABASE_URL",
        "HUM_GATEWAY_MASTER_KEY",
        "HUM_GATEWAY_RETRY_SCHEDULE",
        "HUM_GATEWAY_MAX_EVENT_BYTES",
        "HUM_GATEWAY_LOG_FORMAT",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MASTER_KEY", "hunter2"),
        ("MASTER_KEY", f"{KEY_A},hunter2"),
        ("DATABASE_URL", "postgresql://user:hunter2/x@host/db"),
        ("DATABASE_URL", "hunter2"),
        ("METRICS_TOKEN", "hunter2 with spaces"),
        ("TWILIO_AUTH_TOKEN", "hunter2\n!"),
        ("EGRESS_PROXY", "socks5://user:hunter2@proxy"),
        ("EGRESS_PROXY", "http://user:hunter2@proxy:99999"),
        ("EGRESS_PROXY", "https://user:hunter2@proxy:3128"),
        ("EGRESS_PROXY", "http://user:hunter2@proxy"),
    ],
)
def test_a_refused_secret_is_not_repeated(name: str, value: str) -> None:
    lines = problems(**{name: value})
    assert lines[0].startswith(f"HUM_GATEWAY_{name}: ")
    assert "hunter2" not in "\n".join(lines)


def test_secrets_are_hidden_in_repr_and_in_the_safe_url() -> None:
    settings = load(
        DATABASE_URL="postgresql://user:hunter2@host/db?password=hunter3",
        MASTER_KEY=KEY_A,
        METRICS_TOKEN="hunter4",
        EGRESS_PROXY="http://user:hunter5@proxy:3128",
    )
    assert "hunter" not in repr(settings) + settings.safe_database_url
    assert KEY_A not in repr(settings)
    assert settings.safe_database_url == "postgresql://user:***@host/db?password=***"


def test_master_keys_keep_their_order() -> None:
    settings = load(MASTER_KEY=f"{KEY_B}, {KEY_A}")
    assert [key.get_secret_value() for key in settings.master_keys] == [b"\x02" * 32, b"\x01" * 32]


def test_postgresql_needs_a_master_key() -> None:
    assert problems(DATABASE_URL="postgresql:///hum?host=/run/pg")[0].startswith("HUM_GATEWAY_MASTER_KEY: ")


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg", "postgres"])
def test_postgresql_urls(scheme: str) -> None:
    settings = load(DATABASE_URL=f"{scheme}://user@host:5432/db", MASTER_KEY=KEY_A)
    assert not settings.is_sqlite
    assert settings.sqlite_path is None


@pytest.mark.parametrize("url", ["sqlite:////srv/hum.db", "sqlite+aiosqlite:////srv/hum.db"])
def test_absolute_sqlite_path(url: str) -> None:
    assert load(DATABASE_URL=url).sqlite_path == Path("/srv/hum.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a.db?mode=ro"])
def test_sqlite_must_be_a_plain_file(url: str) -> None:
    assert problems(DATABASE_URL=url)[0].startswith("HUM_GATEWAY_DATABASE_URL: ")


def test_unknown_names_warn_and_suggest_but_do_not_stop() -> None:
    settings = load(RETRY_SHEDULE="5", URL="http://gateway", KEY="hum_live_x", ORG="org_1")
    assert settings.warnings == (
        "HUM_GATEWAY_RETRY_SHEDULE is not a setting; did you mean HUM_GATEWAY_RETRY_SCHEDULE?",
    )


@pytest.mark.parametrize("value", ["5,", "0", "604801", "-5", "5;6", "٣", "1_0", ",".join(["5"] * 21)])
def test_bad_retry_schedules(value: str) -> None:
    assert problems(RETRY_SCHEDULE=value)[0].startswith("HUM_GATEWAY_RETRY_SCHEDULE: ")


def test_a_retry_schedule() -> None:
    assert load(RETRY_SCHEDULE="1, 604800").retry_schedule == (1, 604_800)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("ALLOW_NETWORKS", "10.0.0.0/8, org_x=10.1.2.0/24, fd00::/8", "10.1.2.3/8"),
        ("ALLOW_NETWORKS", "", "org x=10.0.0.0/8"),
        ("TRUSTED_PROXIES", "10.0.0.1, 192.168.0.0/16", "proxy.example"),
        ("DNS_SERVERS", "1.1.1.1, 10.0.0.2:5353, 2001:db8::1, [2001:db8::1]:5353", "dns.example"),
        ("DNS_SERVERS", "1.1.1.1", "1.1.1.1:0"),
        ("PUBLIC_URL", "https://hooks.example/base/", "hooks.example"),
        ("PUBLIC_URL", "http://127.0.0.1:8080", "https://user:pw@hooks.example"),
        ("MAX_EVENT_BYTES", "4194304", "4194305"),
        ("MAX_EVENT_BYTES", "1024", "1023"),
        ("WEBHOOK_LIMIT", "1", "0"),
    ],
)
def test_accepted_and_refused_values(name: str, good: str, bad: str) -> None:
    load(**{name: good})
    assert problems(**{name: bad})[0].startswith(f"HUM_GATEWAY_{name}: ")


def test_a_public_url_has_no_slash_at_its_end() -> None:
    assert load(PUBLIC_URL="https://hooks.example/base/").public_url == "https://hooks.example/base"


def test_ca_file_must_be_readable_and_hold_a_certificate(tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text("not a certificate")
    assert "no PEM certificate" in problems(CA_FILE=str(other))[0]
    assert "No such file" in problems(CA_FILE=str(tmp_path / "missing.pem"))[0]


def test_twilio_takes_both_or_none() -> None:
    assert problems(TWILIO_ACCOUNT_SID="AC1")[0].startswith("HUM_GATEWAY_TWILIO_AUTH_TOKEN: ")
    assert load(TWILIO_ACCOUNT_SID="AC1", TWILIO_AUTH_TOKEN="t").twilio_account_sid == "AC1"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().webhook_limit = 3  # type: ignore[misc]
