"""Settings: environment variables with the prefix `HUM_GATEWAY_`, checked all at once at the start.

`Settings.load(os.environ)` is the only reader of the environment. Every mistake becomes one line of one
StartupError; no line repeats a value that may be a secret. What an entry of `ALLOW_NETWORKS` lets through is
decided by the target guard (`gateway.egress`); here only its form is checked.
`docs/settings.md` explains every setting; a test keeps it complete.
"""

from __future__ import annotations

import base64
import difflib
import ipaddress
import re
import ssl
from collections.abc import Collection, Mapping
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretBytes,
    SecretStr,
    ValidationError,
)

from gateway.errors import StartupError

PREFIX = "HUM_GATEWAY_"
CLIENT_NAMES = ("URL", "KEY", "ORG")  # read by the command line, not by the server

DEFAULT_DATABASE_URL = "sqlite:///var/gateway.db"
DEFAULT_RETRY_SCHEDULE = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
MAX_EVENT_BYTES_LIMIT = 4 * 1024 * 1024

_SQLITE = ("sqlite:///", "sqlite+aiosqlite:///")
_POSTGRESQL = ("postgresql://", "postgresql+asyncpg://", "postgres://")
_ORG = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_WHOLE = re.compile(r"[0-9]{1,12}\Z", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?\Z", re.ASCII)


def installed_version() -> str:
    """The version of the installed distribution; `0+source` when run from a tree that is not installed."""
    try:
        return metadata.version("hum-gateway")
    except metadata.PackageNotFoundError:
        return "0+source"


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _whole(value: object) -> object:
    # int() would take '٣', ' 5 ', '1_000': a setting means what it shows.
    if isinstance(value, str):
        if not _WHOLE.match(value):
            raise ValueError("must be a whole number")
        return int(value)
    return value


def _check_database_url(value: str) -> str:
    if value.startswith(_SQLITE):
        path = value.split(":///", 1)[1]
        if not path or path == ":memory:":
            raise ValueError("must name a file: nothing accepted may live in memory alone")
        if "?" in path:
            raise ValueError("takes no parameters for SQLite")
        return value
    if value.startswith(_POSTGRESQL):
        try:
            _ = urlsplit(value).port
        except ValueError:  # its own text would show a part of the password
            raise ValueError(
                "is not a valid URL; percent-encode special characters of the password"
            ) from None
        return value
    raise ValueError(
        "must begin with sqlite:///, sqlite+aiosqlite:///, postgresql:// or postgresql+asyncpg://"
    )


def _master_keys(value: object) -> object:
    if not isinstance(value, str):
        return value
    keys = []
    for number, entry in enumerate(_entries(value), 1):
        try:
            key = base64.b64decode(entry, validate=True)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise ValueError(
                f"key {number} is not base64 of 32 bytes; `hum-gateway keygen` prints a good one"
            )
        keys.append(key)
    return tuple(keys)


def _network(entry: str) -> None:
    try:
        ipaddress.ip_network(entry)
    except ValueError as error:
        raise ValueError(f"{error}; expected a network such as 10.1.2.0/24") from None


def _check_allow_networks(value: str) -> str:
    for entry in _entries(value):
        org, bound, network = entry.rpartition("=")
        if bound and not _ORG.match(org.strip()):
            raise ValueError(f"{entry!r}: before '=' stands an organization's id")
        _network(network.strip())
    return value


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    for entry in _entries(value):
        _network(entry)
    return tuple(_entries(value))


def _schedule(value: object) -> object:
    waits = [_whole(entry.strip()) for entry in value.split(",")] if isinstance(value, str) else value
    if not isinstance(waits, (list, tuple)) or not 1 <= len(waits) <= 20:
        raise ValueError("must have 1 to 20 entries")
    if not all(isinstance(wait, int) and 1 <= wait <= 604_800 for wait in waits):
        raise ValueError("every entry must be 1 to 604800 seconds")
    return tuple(waits)


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or not value.isascii() or " " in value:
        raise ValueError("must be an http:// or https:// URL without query")
    return value.rstrip("/")


def _proxy(value: str) -> str:
    parts = urlsplit(_http_url(value))
    if parts.scheme != "http" or parts.port is None or parts.path:
        raise ValueError("must be http://[user:password@]host:port")
    return value.rstrip("/")


def _public_url(value: str) -> str:
    value = _http_url(value)
    if "@" in urlsplit(value).netloc:
        raise ValueError("must not hold a user name or password")
    return value


def _ca_file(value: object) -> object:
    if isinstance(value, str):
        value = Path(value)
    if isinstance(value, Path):
        try:
            ssl.create_default_context(cafile=str(value))
        except ssl.SSLError:
            raise ValueError(f"{value} holds no PEM certificate") from None
        except OSError as error:
            raise ValueError(f"cannot read {value}: {error.strerror}") from None
    return value


def _dns_servers(value: object) -> object:
    if not isinstance(value, str):
        return value
    for entry in _entries(value):
        try:
            parts = urlsplit(f"//{entry if entry.count(':') < 2 or entry[0] == '[' else f'[{entry}]'}")
            ipaddress.ip_address(parts.hostname or "")
            usable = parts.port != 0 and not parts.path
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(
                f"{entry!r} must be an IP address, with a port if it is not 53 ([2001:db8::1]:5353)"
            )
    return tuple(_entries(value))


def _hidden_text(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isprintable() and " " not in value):
        raise ValueError("must be printable ASCII without spaces")
    return value


def _account(value: object) -> object:
    _hidden_text(value)
    if isinstance(value, str) and ":" in value:
        raise ValueError("must not hold a colon: it stands before one in the request")
    return value


def _price(value: object) -> object:
    if isinstance(value, str):
        if not _DECIMAL.match(value):
            raise ValueError("must be an amount in US dollars such as 0.008")
        return Decimal(value)
    return value


Whole = BeforeValidator(_whole)
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Price = Annotated[Decimal, BeforeValidator(_price)]


class Settings(BaseModel):
    """What the process was told, immutable. `repr` shows no secret; durations are seconds, sizes bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: Annotated[str, Field(repr=False), AfterValidator(_check_database_url)] = (
        DEFAULT_DATABASE_URL
    )
    master_keys: Annotated[tuple[SecretBytes, ...], BeforeValidator(_master_keys)] = ()
    allow_networks: Annotated[str, AfterValidator(_check_allow_networks)] = ""
    retry_schedule: Annotated[tuple[int, ...], BeforeValidator(_schedule)] = DEFAULT_RETRY_SCHEDULE
    max_event_bytes: Annotated[int, Field(ge=1024, le=MAX_EVENT_BYTES_LIMIT), Whole] = 262_144
    schema_mode: Literal["enforce", "warn"] = "enforce"
    create_orgs: Literal["on_write", "explicit"] = "on_write"
    public_url: Annotated[str | None, AfterValidator(lambda url: _public_url(url) if url else None)] = None
    trusted_proxies: Annotated[tuple[str, ...], BeforeValidator(_networks)] = ()
    metrics_token: Annotated[SecretStr | None, BeforeValidator(_hidden_text)] = None
    ca_file: Annotated[Path | None, BeforeValidator(_ca_file)] = None
    egress_proxy: Annotated[
        str | None, AfterValidator(lambda url: _proxy(url) if url else None), Field(repr=False)
    ] = None
    twilio_account_sid: Annotated[str | None, BeforeValidator(_account)] = None
    twilio_auth_token: Annotated[SecretStr | None, BeforeValidator(_hidden_text)] = None
    twilio_lookup_url: HttpUrl = "https://lookups.twilio.com"
    twilio_caller_name_days: Annotated[int, Field(ge=1, le=90), Whole] = 30
    twilio_price_line_type: Price = Decimal("0.008")
    twilio_price_caller_name: Price = Decimal("0.01")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    webhook_limit: Annotated[int, Field(ge=1, le=100_000), Whole] = 50
    connector_limit: Annotated[int, Field(ge=1, le=1000), Whole] = 20
    dns_servers: Annotated[tuple[str, ...], BeforeValidator(_dns_servers)] = ()
    warnings: tuple[str, ...] = Field(default=(), repr=False)

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in `environ`; an empty value counts as not given.

        Raises StartupError with one line per problem. Unknown names are in `warnings`, for the operator.
        """
        given = {
            name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)
        }
        names = setting_names()
        warnings = tuple(
            _unknown(name, names) for name in sorted(given) if name not in (*names, *CLIENT_NAMES)
        )
        values = {field: given[name].strip() for name, field in names.items() if given.get(name, "").strip()}
        problems = []
        try:
            settings = cls.model_validate(values | {"warnings": warnings})
        except ValidationError as error:
            problems = [_problem(str(item["loc"][0]), item) for item in error.errors(include_url=False)]
        problems += _contradictions(values)
        if problems:
            raise StartupError("\n".join(problems))
        return settings

    def reached_at(self, listeners: Collection[tuple[str, int]]) -> str:
        """How the world reaches the gateway: what was set, or the first address that it listens at."""
        if self.public_url is not None:
            return self.public_url
        host, port = min(listeners, default=("127.0.0.1", 8080))
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
        return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def sqlite_path(self) -> Path | None:
        """The database file as it was named (a relative path: under the working directory), or None."""
        return Path(self.database_url.split(":///", 1)[1]) if self.is_sqlite else None

    @property
    def safe_database_url(self) -> str:
        """The database URL without its password, for messages."""
        if self.is_sqlite:
            return self.database_url
        # Greedy to the last '@': a password with an unencoded '@' or '/' must not show its end.
        url = re.sub(r"(://[^:@/?]*):.*@", r"\1:***@", self.database_url)
        return re.sub(r"(password=)[^&]*", r"\1***", url, flags=re.IGNORECASE)


def setting_names() -> dict[str, str]:
    """Every setting's name without the prefix → its field, in the order of the documentation."""
    return {_name(field): field for field in Settings.model_fields if field != "warnings"}


def _name(field: str) -> str:
    return "MASTER_KEY" if field == "master_keys" else field.upper()


def _unknown(name: str, names: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"{PREFIX}{name} is not a setting" + (f"; did you mean {PREFIX}{near[0]}?" if near else "")


def _problem(field: str, item: Mapping[str, object]) -> str:
    context = item.get("ctx")
    message = item["msg"]
    if item["type"] == "value_error" and isinstance(context, dict):
        message = str(context["error"])
    return f"{PREFIX}{_name(field)}: {message}"


def _contradictions(values: Mapping[str, str]) -> list[str]:
    """What is wrong between settings, each of them good by itself."""
    problems = []
    if ("twilio_account_sid" in values) != ("twilio_auth_token" in values):
        missing = "TWILIO_AUTH_TOKEN" if "twilio_account_sid" in values else "TWILIO_ACCOUNT_SID"
        problems.append(f"{PREFIX}{missing}: is needed too: Twilio takes both or none")
    if values.get("database_url", "").startswith(_POSTGRESQL) and "master_keys" not in values:
        problems.append(f"{PREFIX}MASTER_KEY: is required on PostgreSQL; `hum-gateway keygen` prints one")
    return problems
