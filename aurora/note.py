"""Turns a finished analysis into a note and asks the connector to write it. Uses only Python's standard library."""

import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Optional

# Even with 4 bytes a character, 30,000 characters fit into the 128 KiB that the connector accepts. The connector
# shortens the note's plain text to 25,000 characters.
CONTENT_CHARACTERS = 30_000
CUT_MARK = "\n\n[…]"
# Before the connector answers, it asks Aurora's server for the user's permission, which takes at most 5 s, and stores
# the note.
POST_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Analysis:
    """An incident in Aurora's table `incidents` whose analysis is finished."""

    aurora_id: str
    incident_id: str
    user_id: str
    org_id: str
    summary: str


@dataclass(frozen=True)
class Outcome:
    """`written`: do not send the note again. `refused`: sending it again does not help. `delayed`: try again later."""

    state: str
    reason: str = ""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, which could send the internal secret to another host."""

    def redirect_request(self, *_args: Any) -> None:
        return None


def idempotency_key(analysis: Analysis) -> str:
    """Returns a key that is always the same for one analysis; a later analysis of the incident has another key."""
    text = f"{analysis.aurora_id}\n{analysis.summary}"
    return f"aurora-{hashlib.sha256(text.encode(errors='replace')).hexdigest()}"


def note_of(analysis: Analysis, frontend_url: str) -> dict[str, str]:
    """Returns the body of the call. The note links to the incident in Aurora if `frontend_url` is not empty."""
    content = analysis.summary.strip()
    if len(content) > CONTENT_CHARACTERS:
        content = content[: CONTENT_CHARACTERS - len(CUT_MARK)] + CUT_MARK
    note = {"content": content, "idempotencyKey": idempotency_key(analysis)}
    if frontend_url:
        note["url"] = f"{frontend_url.rstrip('/')}/incidents/{analysis.aurora_id}"
    return note


def outcome_of(status: int, error: str) -> Outcome:
    """Decides by the HTTP status: 2xx is written, 408, 429 and 5xx are delayed, everything else is refused."""
    if 200 <= status < 300:
        return Outcome("written")
    reason = f"{status} {error}".strip()
    return Outcome("delayed" if status in (408, 429) or status >= 500 else "refused", reason)


def post_note(analysis: Analysis, edge_url: str, internal_secret: str, frontend_url: str) -> Outcome:
    """Posts the note as the incident's user, in the incident's organisation."""
    request = urllib.request.Request(
        f"{edge_url.rstrip('/')}/pagerduty/incidents/{urllib.parse.quote(analysis.incident_id, safe='')}/notes",
        data=json.dumps(note_of(analysis, frontend_url), ensure_ascii=False).encode(errors="replace"),
        headers={
            "Content-Type": "application/json",
            "User-Agent": "aurora-edge-findings",
            "X-Internal-Secret": internal_secret,
            "X-User-ID": analysis.user_id,
            "X-Org-ID": analysis.org_id,
        },
        method="POST",
    )
    try:
        with urllib.request.build_opener(NoRedirects).open(request, timeout=POST_TIMEOUT_SECONDS) as response:
            return outcome_of(response.status, "")
    except urllib.error.HTTPError as error:
        with error:
            return outcome_of(error.code, error_text(error.read(4096)) or "")
    except OSError as error:  # There was no connection, no answer in time, or a failed TLS handshake.
        return Outcome("delayed", type(error).__name__)


def error_text(body: bytes) -> Optional[str]:
    """Returns the `error` in the connector's JSON answer; None for any other body, such as a proxy's HTML page."""
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return None
    return error[:200] if isinstance(error, str) else None
