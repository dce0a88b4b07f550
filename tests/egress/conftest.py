from __future__ import annotations

import ssl

import pytest
import trustme


@pytest.fixture(params=[True, False], ids=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The loop of production, and the standard library's: transports behave differently in their corners."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="package")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="package")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def tls_receiver(authority: trustme.CA, ca_file: str) -> tuple[ssl.SSLContext, str]:
    """A server's context for `receiver.test`, and the file with the root that vouches for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("receiver.test").configure_cert(context)
    return context, ca_file
