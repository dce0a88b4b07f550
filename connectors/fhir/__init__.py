"""Patients of a FHIR R4 server: found by phone, created, calls as Communications. See README.md.

    connector.py   the four operations
    mapping.py     a patient as a contact, a call as a Communication, the notations a number is searched by
    client.py      FHIR over HTTP: search, read, conditional create and update, what the answers mean
    bearer.py      the bearer token: given, or got with client credentials and renewed

The tests run Medplum's FHIR router.
"""
