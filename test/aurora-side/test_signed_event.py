"""Tests the decisions of the receiver that need no Flask, Redis or PostgreSQL."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "aurora"))

from signed_event import FIELDS_UPDATED, Refused, read_event, read_secrets, skip_reason, verify

# The example of the Standard Webhooks specification.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1614265330
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
OTHER = "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"


def envelope(data, event_type="incident.triggered", resource_type="incident", aurora=None) -> bytes:
    event = {"id": "evt1", "event_type": event_type, "resource_type": resource_type, "data": data}
    return json.dumps({"event": event, "aurora": aurora or {"user_id": "ann", "org_id": "acme"}}).encode()


class Signatures(unittest.TestCase):
    def refused(self, headers, body=BODY, secret=SECRET, now=NOW) -> Refused:
        with self.assertRaises(Refused) as caught:
            verify(read_secrets(secret), headers, body, now)
        self.assertEqual((caught.exception.status, caught.exception.code), (401, "invalid_signature"))
        return caught.exception

    def test_the_specifications_own_example_verifies(self):
        self.assertEqual(verify(read_secrets(SECRET), HEADERS, BODY, NOW), HEADERS["webhook-id"])

    def test_any_of_several_secrets_and_any_of_several_signatures_is_enough(self):
        headers = {**HEADERS, "webhook-signature": f"v1a,xyz v1,AAAA {HEADERS['webhook-signature']}"}
        self.assertEqual(verify(read_secrets(f"{OTHER}, {SECRET}"), headers, BODY, NOW), HEADERS["webhook-id"])

    def test_another_secret_body_id_or_time_is_refused(self):
        self.refused(HEADERS, secret=OTHER)
        self.refused(HEADERS, body=BODY + b" ")
        self.refused({**HEADERS, "webhook-id": "msg_other"})
        self.refused({**HEADERS, "webhook-timestamp": str(NOW + 1)})

    def test_each_missing_header_is_refused(self):
        for name in HEADERS:
            self.refused({key: value for key, value in HEADERS.items() if key != name})

    def test_a_call_is_good_for_five_minutes_before_and_after_its_time(self):
        for now in (NOW - 300, NOW + 300):
            verify(read_secrets(SECRET), HEADERS, BODY, now)
        for now in (NOW - 301, NOW + 301):
            self.assertIn("clock", self.refused(HEADERS, now=now).error)

    def test_a_timestamp_that_is_no_number_is_refused(self):
        for text in ("soon", "-1", "1e9", "¹", "12.5"):
            self.refused({**HEADERS, "webhook-timestamp": text})

    def test_a_secret_that_cannot_be_read_is_named_by_position_and_never_shown(self):
        for setting in ("", " , ", "whsec_", "MfKQ9r8GKYqrTwjU", f"{SECRET},whsec_not-base64!"):
            with self.assertRaisesRegex(ValueError, "AURORA_EVENTS_SECRET") as caught:
                read_secrets(setting)
            self.assertNotIn("not-base64", str(caught.exception))


class Events(unittest.TestCase):
    def refused(self, body) -> Refused:
        with self.assertRaises(Refused) as caught:
            read_event("msg_1", body)
        return caught.exception

    def test_user_and_organisation_come_from_the_signed_body(self):
        event = read_event("msg_1", envelope({"id": "P1", "number": 7}))
        self.assertEqual((event.user_id, event.org_id, event.incident_id), ("ann", "acme", "P1"))
        alone = read_event("msg_1", envelope({"id": "P1", "number": 7}, aurora={"user_id": "ann", "org_id": None}))
        self.assertIsNone(alone.org_id)

    def test_an_incident_needs_an_integer_number_that_aurora_can_store(self):
        for number in (None, "7", 7.0, True, 0, -1, 2**31):
            refused = self.refused(envelope({"id": "P1", "number": number}))
            self.assertEqual((refused.status, refused.code), (422, "missing_number"))

    def test_a_body_of_another_shape_is_400(self):
        bodies = [b"", b"[]", b"null", b'{"event": {}}', envelope([]), envelope(None), envelope({"number": 7})]
        bodies.append(envelope({"id": "P1", "number": 7}, aurora={"user_id": "", "org_id": "acme"}))
        bodies.append(envelope({"id": "P1", "number": 7}, aurora={"user_id": "ann", "org_id": 5}))
        bodies.append(envelope({"incident": "P1"}, FIELDS_UPDATED))
        for body in bodies:
            self.assertEqual(self.refused(body).status, 400, body)

    def test_events_that_aurora_skips_by_rule_have_a_reason_and_need_no_number(self):
        skipped = read_event("msg_1", envelope({"id": "P1"}, "incident.reopened"))
        self.assertEqual(skip_reason(skipped), "event type not monitored")
        skipped = read_event("msg_1", envelope({"id": "P1"}, "service.updated", "service"))
        self.assertEqual(skip_reason(skipped), "non-incident event")

    def test_custom_fields_are_skipped_only_when_no_field_has_a_name_and_a_value(self):
        def reason(fields):
            data = {"type": "incident_field_values", "incident": {"id": "P1"}, "custom_fields": fields}
            return skip_reason(read_event("msg_1", envelope(data, FIELDS_UPDATED)))

        for fields in ([], None, [{"name": "runbook_link", "value": None}], [{"name": "", "value": "x"}], ["x"]):
            self.assertEqual(reason(fields), "no custom field with a value")
        self.assertIsNone(reason([{"name": "a", "value": ""}, {"name": "runbook_link", "value": "https://x"}]))


if __name__ == "__main__":
    unittest.main()
