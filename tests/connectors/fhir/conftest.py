"""One FHIR server for each worker; every test begins without resources."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from connectors.fhir.connector import FhirConnector
from tests.connectors.fhir.server import VERSION, Clinic, missing, serving


@pytest.fixture(scope="session")
def medplum(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    if (reason := missing()) is not None:
        pytest.skip(f"the FHIR server for tests runs on Node: {reason}")
    cache = request.config.cache.mkdir(f"medplum-{VERSION}")
    with serving(cache, tmp_path_factory.mktemp("fhir")) as clinic:
        yield clinic
        clinic.client.close()


@pytest.fixture
def clinic(medplum: Clinic) -> Iterator[Clinic]:
    yield medplum
    medplum.send("POST", "clear")


@pytest.fixture
async def connector(clinic: Clinic) -> AsyncIterator[FhirConnector]:
    built = clinic.connector()
    await built.open()
    yield built
    await built.close()
