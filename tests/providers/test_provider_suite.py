"""`react1.testing.ProviderTests`: each of its tests fails for a client that makes the mistake it is there for."""

from __future__ import annotations

import dataclasses

import httpx
import pytest
from fal_host import FalHost

from react1.pipeline.core.errors import React1Error
from react1.pipeline.providers.fal import client as fal_client
from react1.pipeline.providers.fal.client import FalClient, FalStorage, fal
from react1.plugin.providers import Done, Failed, NoJob, ProviderError, ResponseLost, Ticket, Waiting, open_api
from react1.testing import ProviderTests

pytestmark = pytest.mark.slow

SUITE = {name for name in vars(ProviderTests) if name.startswith("test_")}


def suite(client=FalClient, storage=FalStorage, **changes):
    """Return the suite of fal with another client or storage, or other declarations."""

    class Suite(ProviderTests):
        host = FalHost

        def provider(self, environ, host):
            provider = fal({**environ, "REACT1_FAL_URL": host.url, "FAL_KEY": host.key})

            def api(settings, pool):
                return open_api(settings, pool, header="authorization", scheme="Key ")

            return dataclasses.replace(
                provider,
                client=lambda settings, pool: client(api(settings, pool), api(settings, pool)),
                storage=lambda settings, pool: storage(api(settings, pool), pool),
                **changes,
            )

    return Suite()


class ResendsAfterErrors(FalClient):
    async def submit(self, submission, to_file):
        try:
            return await super().submit(submission, to_file)
        except ResponseLost as error:
            raise NoJob(error.message, retry_after_s=0.0) from error


class RepeatsRefusals(FalClient):
    async def submit(self, submission, to_file):
        try:
            return await super().submit(submission, to_file)
        except NoJob:
            return await super().submit(submission, to_file)


class NeverWaits(FalClient):
    async def submit(self, submission, to_file):
        try:
            return await super().submit(submission, to_file)
        except NoJob as error:
            raise NoJob(error.message) from error


class FollowsRedirectedSubmits(FalClient):
    async def submit(self, submission, to_file):
        key = {"authorization": f"Key {FalHost.key}", "x-key": FalHost.key}
        async with httpx.AsyncClient(follow_redirects=True) as web:
            url, sent = f"{self._queue.base_url}/{fal_client.ENDPOINT}", fal_client.build_input(submission.request)
            response = await web.post(url, json=sent, headers={**fal_client.HEADERS, **key})
        if not response.is_success:
            raise ResponseLost(f"status {response.status_code}")
        return Ticket(response.json()["request_id"])


class FindsNothing(FalClient):
    async def recover(self, submission, known):
        return None


class TakesAnyRow(FalClient):
    async def recover(self, submission, known):
        page = await self._list({})
        return Ticket(page["items"][0]["request_id"]) if page["items"] else None


class TakesKnownRows(FalClient):
    async def recover(self, submission, known):
        rows = reversed((await self._list({}))["items"])
        return next((Ticket(row["request_id"]) for row in rows), None)


class TakesHiddenRowsForOthers(FalClient):
    async def recover(self, submission, known):
        try:
            return await super().recover(submission, known)
        except ProviderError:
            return None


class ReadsTheBodyOfARefusal(FalClient):
    async def poll(self, request_id):
        try:
            return await super().poll(request_id)
        except ProviderError as error:
            return Failed(request_id, error.message, billed=False)


class SaysNotBilled(FalClient):
    async def poll(self, request_id):
        state = await super().poll(request_id)
        return Failed(request_id, state.error, billed=False) if isinstance(state, Failed) else state


class WaitsForEver(FalClient):
    async def poll(self, request_id):
        state = await super().poll(request_id)
        return Waiting("IN_PROGRESS") if isinstance(state, Failed) else state


class LosesTheOutput(FalClient):
    async def poll(self, request_id):
        state = await super().poll(request_id)
        return Done(request_id, f"{state.output}x") if isinstance(state, Done) else state


class ShowsTheKey(FalClient):
    async def submit(self, submission, to_file):
        try:
            return await super().submit(submission, to_file)
        except NoJob as error:
            raise NoJob(f"{error.message} {self._queue._key}") from error


class UploadsWithTheKey(FalStorage):
    async def put(self, path, nonce, suffix, progress):
        stored = await super().put(path, nonce, suffix, progress)
        await self._pool.request("GET", stored.url, headers={"authorization": f"Key {self._api._key}"})
        return stored


class UploadsOnce(FalStorage):
    async def put(self, path, nonce, suffix, progress):
        response = await self._api.post("storage/upload/initiate", {"file_name": nonce, "content_type": "video/mp4"})
        if not response.ok:
            raise ProviderError("no second attempt")
        return await super().put(path, nonce, suffix, progress)


FREE = fal_client.PRICES[0].model_copy(update={"usd_per_s": 0.0})
KEY_NOT_REDIRECTED = "test_the_key_is_not_redirected"
WRONG = [
    ("test_the_provider_states_what_it_needs", suite(prices=())),
    ("test_a_call_becomes_a_take", suite(LosesTheOutput)),
    ("test_a_call_becomes_a_take", suite(storage=UploadsWithTheKey)),
    ("test_each_choice_reaches_the_host_or_is_refused", suite(accepts={})),
    ("test_a_refusal_creates_nothing_and_is_not_repeated", suite(RepeatsRefusals)),
    ("test_a_refusal_creates_nothing_and_is_not_repeated", suite(ShowsTheKey)),
    ("test_too_many_requests_are_waited_for", suite(NeverWaits)),
    ("test_a_lost_response_is_recovered", suite(ResendsAfterErrors)),
    ("test_a_lost_response_is_recovered", suite(FindsNothing)),
    ("test_a_lost_request_is_sent_again_after_the_proof", suite(ResendsAfterErrors)),
    ("test_other_jobs_with_the_same_files_are_not_taken", suite(TakesAnyRow)),
    ("test_a_duplicate_is_told_from_the_first_job", suite(TakesKnownRows)),
    ("test_a_history_that_shows_no_inputs_proves_nothing", suite(TakesHiddenRowsForOthers)),
    ("test_a_history_that_fails_proves_nothing", suite(FindsNothing)),
    ("test_a_failed_job_is_paid_again_only_if_it_was_not_billed", suite(WaitsForEver)),
    ("test_an_expired_result_is_not_paid_for_again", suite(SaysNotBilled)),
    ("test_polls_may_fail", suite(ReadsTheBodyOfARefusal)),
    ("test_a_refused_poll_says_nothing_of_the_job", suite(ReadsTheBodyOfARefusal)),
    ("test_uploads_and_downloads_are_repeated", suite(storage=UploadsOnce)),
    (
        "test_nothing_is_sent_beyond_the_budget",
        suite(prices=(fal_client.PRICES[0].model_copy(update={"usd_per_s": 0.0}),)),
    ),
    (KEY_NOT_REDIRECTED, suite(FollowsRedirectedSubmits)),
]


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_a_wrong_provider_fails(name, wrong, tmp_path):
    """In the test that is there for it."""
    with pytest.raises((AssertionError, React1Error)):
        getattr(wrong, name)(tmp_path)


def test_a_key_that_follows_redirects_fails(tmp_path, monkeypatch):
    """The pinning of the origin is the API client's."""
    from react1.pipeline.net.api_client import ApiClient

    monkeypatch.setattr(ApiClient, "_absolute", lambda api, path: path if "://" in path else f"{api.base_url}/{path}")

    with pytest.raises(AssertionError):
        getattr(suite(), KEY_NOT_REDIRECTED)(tmp_path)


def test_every_test_of_the_suite_is_seen_to_fail():
    """Those above, by name."""
    assert {name for name, _ in WRONG} == SUITE
