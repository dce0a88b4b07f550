"""What HUM gets from this connector: python -m unittest."""

from __future__ import annotations

from unittest import IsolatedAsyncioTestCase

from connector import SkeletonConnector

from connectors.kit.trial import Trial


class SkeletonTest(IsolatedAsyncioTestCase):
    async def test_a_known_caller(self) -> None:
        async with Trial(SkeletonConnector()) as hum:
            answer = await hum.lookup("+13175550142")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.body["contact"]["name"], "Ann Example")
        self.assertEqual(answer.body["match"], "exact")

    async def test_a_number_that_two_contacts_share(self) -> None:
        async with Trial(SkeletonConnector()) as hum:
            answer = await hum.lookup("+13175550144")
        self.assertEqual((answer.body["contact"]["id"], answer.body["matches"]), ("3", 2))

    async def test_a_stranger(self) -> None:
        async with Trial(SkeletonConnector()) as hum:
            answer = await hum.lookup("+13175550199")
        self.assertEqual((answer.status, answer.body), (200, {"found": False}))

    async def test_it_is_alive(self) -> None:
        async with Trial(SkeletonConnector()) as hum:
            answer = await hum.ping()
        self.assertEqual((answer.status, answer.body["name"]), (200, "skeleton"))
