"""Decides what the receiver may do with a call. Pure functions; uses only Python's standard library.

Signatures follow the Standard Webhooks specification: HMAC-SHA256 over "<id>.<timestamp>.<body>", base64.
One header may contain several signatures, each as "v1,<base64>".
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Mapping, Optional

# How far a call's timestamp may be before or after the present time. Limits replayed calls. The libraries of Standard
# Webhooks use the same 5 minutes.
TIMESTAMP_TOLERANCE_SECONDS = 5 * 60
# Aurora keeps the incident number in a PostgreSQL INTEGER column.
LARGEST_NUMBER = 2**31 - 1

FIELDS_UPDATED = "incident.custom_field_values.updated"
# The only event types that Aurora's own webhook route passes to Aurora's task.
MONITORED_TYPES = ("incident.triggered", "incident.acknowledged", "incident.resolved", FIELDS_UPDATED)


class Refused(Exception):
    """An error answer: the HTTP status, a stable code, and what a person can do about it."""

    def __init__(self, status: int, code: str, error: str, retry_after_seconds: Optional[int] = None):
        super().__init__(error)
        self.status, self.code, self.error, self.retry_after_seconds = status, code, error, retry_after_seconds


@dataclass(frozen=True)
class Event:
    """One signed event. `body` is PagerDuty's V3 event, as Aurora's task reads it."""

    webhook_id: str
    user_id: str
    org_id: Optional[str]
    event_id: str
    event_type: str
    incident_id: str
    body: dict[str, Any]


def read_secrets(setting: str) -> list[bytes]:
    """Returns the keys in AURORA_EVENTS_SECRET: each is "whsec_" + base64, separated by commas."""
    keys = []
    for position, secret in enumerate(filter(None, (part.strip() for part in setting.split(","))), start=1):
        try:
            if not secret.startswith("whsec_"):
                raise ValueError
            keys.append(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
        except (ValueError, binascii.Error):
            raise ValueError(f"AURORA_EVENTS_SECRET: secret {position} is not whsec_ followed by base64") from None
    if not all(keys) or not keys:
        raise ValueError("AURORA_EVENTS_SECRET is empty: set it to the same value as on the Worker")
    return keys


def verify(keys: list[bytes], headers: Mapping[str, str], body: bytes, now_seconds: float) -> str:
    """Returns the call's webhook-id. Raises Refused 401 if no key signed it, or its timestamp is over 5 minutes off."""
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not (webhook_id and timestamp and signatures):
        raise Refused(401, "invalid_signature", "webhook-id, webhook-timestamp or webhook-signature is missing.")
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise Refused(401, "invalid_signature", "webhook-timestamp is not a number of seconds.")
    if abs(now_seconds - int(timestamp)) > TIMESTAMP_TOLERANCE_SECONDS:
        raise Refused(
            401,
            "invalid_signature",
            "webhook-timestamp is more than 5 minutes away from this machine's clock: set the clock.",
        )
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    given = [part.removeprefix("v1,").encode() for part in signatures.split(" ") if part.startswith("v1,")]
    # A list, not a generator: every comparison is made, so the time does not depend on which signature matched.
    if not any([hmac.compare_digest(one, other) for one in expected for other in given]):
        raise Refused(
            401,
            "invalid_signature",
            "No signature matches: AURORA_EVENTS_SECRET must be the same here and on the Worker.",
        )
    return webhook_id


def read_event(webhook_id: str, body: bytes) -> Event:
    """Reads a verified body. Raises Refused: 400 if its shape is wrong, 422 if a number is needed and missing."""
    try:
        envelope = json.loads(body)
        event, aurora = envelope["event"], envelope["aurora"]
        data = event["data"]
        incident = data.get("incident") or {} if event["event_type"] == FIELDS_UPDATED else data
        read = Event(
            webhook_id=webhook_id,
            user_id=aurora["user_id"],
            org_id=aurora["org_id"],
            event_id=event["id"],
            event_type=event["event_type"],
            incident_id=incident.get("id"),
            body=event,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused(400, "invalid_event", 'The body is not {"event": {…}, "aurora": {"user_id", "org_id"}}.') from None
    if not all(isinstance(text, str) and text for text in (read.user_id, read.event_id, read.event_type, read.incident_id)):
        raise Refused(400, "invalid_event", "The user, the event's id, its type or the incident's id is missing.")
    if not (read.org_id is None or isinstance(read.org_id, str)):
        raise Refused(400, "invalid_event", "aurora.org_id must be text or null.")
    if skip_reason(read) is None and read.event_type != FIELDS_UPDATED and not is_number(data.get("number")):
        raise Refused(
            422,
            "missing_number",
            f"Incident {read.incident_id} has no integer number, and Aurora drops such incidents silently.",
        )
    return read


def is_number(value: Any) -> bool:
    """True for an incident number that Aurora can store; JSON's true and false are not numbers."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_NUMBER


def skip_reason(event: Event) -> Optional[str]:
    """Returns why Aurora's own rules store nothing for this event, or None if it has to be stored."""
    if event.body.get("resource_type") != "incident":
        return "non-incident event"
    if event.event_type not in MONITORED_TYPES:
        return "event type not monitored"
    if event.event_type == FIELDS_UPDATED and not has_field_value(event.body["data"].get("custom_fields")):
        return "no custom field with a value"
    return None


def has_field_value(fields: Any) -> bool:
    """True if any field has both a name and a value. Aurora ignores all other fields, so it never clears a field."""
    return isinstance(fields, list) and any(
        isinstance(field, dict) and field.get("name") and field.get("value") for field in fields
    )
