"""`sign` and `verify` on files, and how quickly they start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main

# Source: Standard Webhooks, the libraries' common test vector.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
IDENTITY = ("--id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "--timestamp", "1614265330")
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.fixture
def body(tmp_path: Path) -> str:
    path = tmp_path / "body.json"
    path.write_bytes(b'{"test": 2432232314}')
    return str(path)


def run(*words: str, **environment: str) -> tuple[int, str, str]:
    result = CliRunner(env=environment).invoke(main, words)
    return result.exit_code, result.stdout, result.stderr


def test_sign_prints_the_known_signature(body: str) -> None:
    status, text, _ = run("sign", body, "--secret-env", "S", *IDENTITY, S=SECRET)
    assert status == 0
    assert f"webhook-signature: {SIGNATURE}" in text.splitlines()


def test_what_sign_prints_verify_takes(body: str, tmp_path: Path) -> None:
    (tmp_path / "headers").write_text(run("sign", body, "--secret", SECRET)[1])
    assert run("verify", body, "--secret", SECRET, "--headers-file", str(tmp_path / "headers")) == (
        0,
        "ok\n",
        "",
    )


def test_verify_says_why_not_and_exits_1(body: str) -> None:
    headers = json.loads(run("sign", body, "--secret", SECRET, *IDENTITY, "--json")[1])
    words = [word for name, value in headers.items() for word in ("--header", f"{name}: {value}")]
    status, text, _ = run("verify", body, "--secret", SECRET, *words)
    assert (status, text.split(":")[0]) == (1, "timestamp_too_old")
    status, text, _ = run(
        "verify", body, "--secret", "whsec_" + "A" * 32, "--tolerance", "9999999999", *words
    )
    assert (status, text.split(":")[0]) == (1, "signature_mismatch")
    status, text, _ = run("verify", body, "--secret", SECRET, "--json")
    assert (status, json.loads(text)["reason"]) == (1, "missing_header")


def test_the_body_alone_counts_only_when_allowed(body: str) -> None:
    headers = json.loads(run("sign", body, "--secret", SECRET, "--json")[1])
    header = ("--header", f"X-HUM-Signature: {headers['X-HUM-Signature']}")
    assert run("verify", body, "--secret", SECRET, *header)[0] == 1
    status, text, _ = run("verify", body, "--secret", SECRET, "--allow-body-only", *header)
    assert status == 0
    assert "not protected against replay" in text


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ((), 2, "--secret-env"),
        (("--secret-env", "NOT_SET"), 1, "NOT_SET is not set"),
        (("--secret", "whsec_%%%"), 1, "not base64"),
        (("--secret", SECRET, "--id", "a.b"), 1, "without a dot"),
    ],
)
def test_sign_explains_what_is_wrong(body: str, words: tuple[str, ...], status: int, says: str) -> None:
    code, text, error = run("sign", body, *words)
    assert (code, text) == (status, "")
    assert says in error


def test_sign_loads_nothing_heavy(body: str) -> None:
    code = (
        "import sys; from gateway.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "heavy = {'httpx', 'pydantic', 'rich', 'sqlalchemy', 'aiohttp', 'prometheus_client', 'uvicorn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code, "sign", body, "--secret", SECRET]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
