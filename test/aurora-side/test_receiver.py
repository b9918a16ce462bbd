"""Tests the receiver under gunicorn, with a real Redis and PostgreSQL. Only Aurora's own code is a stub."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import tempfile
import threading
import time
import unittest

from surroundings import Gate, Postgres, Receiver, Redis, need_everything, redis_client, stopped, until

KEY = b"a secret of twenty-four b"
SECRETS = "whsec_" + base64.b64encode(b"the former secret, 24 b.").decode() + ",whsec_" + base64.b64encode(KEY).decode()


def setUpModule():
    need_everything()
    global redis, postgres, receiver
    os.environ["STUB_GATES"] = unittest.enterModuleContext(tempfile.TemporaryDirectory())
    redis = Redis()
    unittest.addModuleCleanup(redis.stop)
    postgres = Postgres()
    unittest.addModuleCleanup(postgres.remove)
    receiver = Receiver(SECRETS)
    unittest.addModuleCleanup(receiver.kill)


def envelope(event_id, user_id="ann", org_id="acme", event_type="incident.triggered", **data):
    if event_type == "incident.triggered":
        data = {"id": "PINC", "type": "incident", "number": 7, "title": "Database down", **data}
    event = {"id": event_id, "event_type": event_type, "resource_type": "incident", "data": data}
    return {"event": event, "aurora": {"user_id": user_id, "org_id": org_id}}


def call(body: bytes, headers: dict, path="/edge/events", method="POST"):
    """Sends `body`; if it is a list, sends it in chunks. Returns the answer's (status, JSON, headers)."""
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=60)
    connection.request(method, path, body=body, headers=headers, encode_chunked=isinstance(body, list))
    response = connection.getresponse()
    answer = response.status, json.loads(response.read()), response.headers
    connection.close()
    return answer


def send(message: dict, key=KEY, age_seconds=0, webhook_id=None):
    body = json.dumps(message).encode()
    webhook_id = webhook_id or message["event"]["id"]
    timestamp = str(int(time.time()) - age_seconds)
    signature = base64.b64encode(hmac.new(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest())
    headers = {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature.decode()}"}
    return call(body, {**headers, "content-type": "application/json"})


def rows(event_id) -> list:
    return postgres.execute("root", "SELECT user_id, org_id, payload FROM pagerduty_events WHERE payload->'event'->>'id' = %s", (event_id,))


class Receiving(unittest.TestCase):
    def assertRefused(self, answer, status, code):
        self.assertEqual((answer[0], answer[1].get("code")), (status, code), answer[1])
        self.assertEqual(set(answer[1]), {"error", "code"})

    def test_an_unsigned_empty_call_is_401(self):
        self.assertRefused(call(b"", {}), 401, "invalid_signature")

    def test_a_wrong_signature_or_an_old_timestamp_stores_nothing(self):
        self.assertRefused(send(envelope("forged"), key=b"another secret"), 401, "invalid_signature")
        self.assertRefused(send(envelope("forged"), age_seconds=301), 401, "invalid_signature")
        self.assertEqual(rows("forged"), [])

    def test_an_event_is_stored_for_its_user_and_organisation_without_the_connectors_envelope(self):
        self.assertEqual(send(envelope("stored"))[:2], (200, {"received": True}))
        [(user_id, org_id, payload)] = rows("stored")
        self.assertEqual((user_id, org_id, list(payload)), ("ann", "acme", ["event"]))

    def test_the_same_webhook_id_is_processed_once_and_remembered_for_eight_days(self):
        send(envelope("twice"))
        self.assertEqual(send(envelope("twice"))[:2], (200, {"received": True, "reason": "already processed"}))
        self.assertEqual(len(rows("twice")), 1)
        self.assertAlmostEqual(redis_client().ttl("aurora-edge:done:twice"), 8 * 24 * 3600, delta=300)

    def test_a_second_call_while_the_first_is_processed_is_503_however_long_the_work_takes(self):
        answers = []
        first = threading.Thread(target=lambda: answers.append(send(envelope("at-once", stub="hold"))))
        first.start()
        Gate("at-once").wait_until_reached()
        longer_than_the_lock = time.monotonic() + 4
        while time.monotonic() < longer_than_the_lock:
            second = send(envelope("at-once", stub="hold"))
            self.assertRefused(second, 503, "in_progress")
            self.assertEqual(second[2]["Retry-After"], "5")
            time.sleep(0.2)
        Gate("at-once").release()
        first.join()
        self.assertEqual(answers[0][0], 200)
        self.assertEqual(len(rows("at-once")), 1)
        self.assertFalse(redis_client().exists("aurora-edge:lock:at-once"))

    def test_an_event_whose_receiver_was_killed_in_the_middle_is_processed_on_a_retry(self):
        def interrupted():
            with self.assertRaises(OSError):
                send(envelope("killed", stub="hold"))

        first = threading.Thread(target=interrupted)
        first.start()
        Gate("killed").wait_until_reached()
        receiver.kill()
        first.join()
        self.assertEqual(rows("killed"), [])
        Gate("killed").release()
        receiver.start()
        until(lambda: send(envelope("killed", stub="hold"))[0] == 200, "the lock expires and the event is processed")
        self.assertEqual(len(rows("killed")), 1)

    def test_without_redis_every_event_is_503_and_none_is_processed(self):
        with stopped(redis):
            self.assertRefused(send(envelope("no-redis")), 503, "redis_unavailable")
            self.assertRefused(call(b"", {}, "/edge/health", "GET"), 503, "redis_unavailable")
            self.assertRefused(call(b"", {}), 401, "invalid_signature")
        self.assertEqual(rows("no-redis"), [])
        self.assertEqual(send(envelope("no-redis"))[0], 200)

    def test_work_that_ends_while_redis_is_away_is_answered_with_200(self):
        answers = []
        first = threading.Thread(target=lambda: answers.append(send(envelope("redis-went", stub="hold"))))
        first.start()
        Gate("redis-went").wait_until_reached()
        with stopped(redis):
            Gate("redis-went").release()
            first.join()
        self.assertEqual((answers[0][:2], len(rows("redis-went"))), ((200, {"received": True}), 1))

    def test_without_postgresql_an_event_is_503_and_never_a_matter_of_configuration(self):
        with stopped(postgres):
            self.assertRefused(send(envelope("no-postgres")), 503, "aurora_failed")
            self.assertRefused(call(b"", {}, "/edge/health", "GET"), 503, "aurora_failed")
        until(lambda: send(envelope("no-postgres"))[0] == 200, "the pool has dropped its broken connections")

    def test_a_user_of_another_organisation_is_409_and_nothing_is_stored(self):
        for user_id in ("eve", "tom", "nobody"):
            self.assertRefused(send(envelope(f"left-{user_id}", user_id=user_id)), 409, "user_left_organisation")
            self.assertEqual(rows(f"left-{user_id}"), [])

    def test_an_event_without_an_organisation_is_stored_in_the_users_organisation(self):
        self.assertEqual(send(envelope("personal", user_id="eve", org_id=None))[0], 200)
        self.assertEqual(rows("personal")[0][1], "evil")

    def test_a_missing_number_is_422_and_is_processed_once_it_is_there(self):
        self.assertRefused(send(envelope("numberless", number=None)), 422, "missing_number")
        self.assertEqual(send(envelope("numberless"))[0], 200)

    def test_an_event_that_aurora_skips_by_rule_is_200_with_the_reason(self):
        answer = send(envelope("reopened", event_type="incident.reopened", id="PINC"))
        self.assertEqual(answer[:2], (200, {"received": True, "reason": "event type not monitored"}))
        self.assertEqual(rows("reopened"), [])

    def test_custom_fields_are_stored_under_their_incident(self):
        fields = [{"name": "runbook_link", "value": "https://example.com"}]
        message = envelope("fields", event_type="incident.custom_field_values.updated", incident={"id": "PINC"}, custom_fields=fields)
        self.assertEqual(send(message)[:2], (200, {"received": True}))
        self.assertEqual(len(rows("fields")), 1)

    def test_a_task_that_returns_without_a_row_is_503_and_processed_again(self):
        self.assertRefused(send(envelope("silent", stub="silent")), 503, "event_not_stored")
        self.assertEqual(send(envelope("silent"))[0], 200)
        self.assertRefused(send(envelope("silent", stub="silent"), webhook_id="a-row-of-before"), 503, "event_not_stored")
        self.assertEqual(len(rows("silent")), 1)

    def test_a_task_that_raises_is_503_and_its_exceptions_text_is_shown_nowhere(self):
        answer = send(envelope("raises", stub="raise", title="PAYLOAD-TEXT"))
        self.assertRefused(answer, 503, "aurora_failed")
        self.assertIn("ValueError at tasks.py:", answer[1]["error"])
        self.assertNotIn("PAYLOAD-TEXT", answer[1]["error"] + receiver.lines())
        self.assertEqual(send(envelope("raises"))[0], 200)

    def test_a_body_over_a_mebibyte_is_413_with_and_without_a_stated_length(self):
        large = b"x" * (1024 * 1024 + 1)
        self.assertRefused(call(large, {}), 413, "body_too_large")
        self.assertRefused(call([large], {"Transfer-Encoding": "chunked"}), 413, "body_too_large")

    def test_other_paths_and_methods_are_refused_in_json(self):
        self.assertRefused(call(b"", {}, "/edge/other", "GET"), 404, "not_found")
        self.assertRefused(call(b"", {}, "/edge/events", "GET"), 405, "method_not_allowed")

    def test_health_is_open_and_says_ok(self):
        self.assertEqual(call(b"", {}, "/edge/health", "GET")[:2], (200, {"status": "ok"}))


if __name__ == "__main__":
    unittest.main()
