"""Receives the connector's events, and runs Aurora's task on each one before it answers.

Runs in Aurora's own server image, beside Aurora's worker. The connector repeats a failed event until it is answered
with 200 or given up, and sends the incident's next event only then. Events therefore reach Aurora's tables in order.
"""

import logging
import os
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Optional

import redis
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from routes.pagerduty.tasks import process_pagerduty_event
from signed_event import Event, Refused, read_event, read_secrets, skip_reason, verify
from utils.auth.stateless_auth import get_org_id_for_user, set_rls_context
from utils.cache.redis_client import get_redis_ssl_kwargs
from utils.db.connection_pool import db_pool

# Four times the largest webhook that the connector accepts, so that no event made from a webhook is too large.
BODY_BYTES = 1024 * 1024
# How long the lock of a killed receiver blocks the event. A running receiver extends the lock until the task ends.
LOCK_SECONDS = 60
LOCK_EXTENSION_SECONDS = 15
# How long a processed event is remembered: the 2 days of the connector's default delivery schedule, and 6 more days in
# which a person may send a dead delivery again.
DONE_SECONDS = 8 * 24 * 3600
IN_PROGRESS_RETRY_SECONDS = 5
# Without a timeout, a Redis that hangs would block every call until the connector gives up.
REDIS_TIMEOUT_SECONDS = 5
# Equal to gunicorn's `--threads` in docker-compose.edge.yaml.
WORKERS = 8

log = logging.getLogger("edge.receiver")
keys = read_secrets(os.environ.get("AURORA_EVENTS_SECRET", ""))
store = redis.Redis.from_url(
    os.environ.get("REDIS_URL", "redis://redis:6379/0"),
    socket_timeout=REDIS_TIMEOUT_SECONDS,
    socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
    **get_redis_ssl_kwargs(),
)
# Aurora's code runs in these threads, outside of a Flask request. Inside a request, Aurora's database layer would read
# the user and the organisation from the request's headers.
workers = ThreadPoolExecutor(max_workers=WORKERS)
app = Flask(__name__)


@app.post("/edge/events")
def receive() -> Response:
    body = request.stream.read(BODY_BYTES + 1)
    if len(body) > BODY_BYTES:
        raise Refused(413, "body_too_large", f"The body is larger than {BODY_BYTES} bytes.")
    event = read_event(verify(keys, request.headers, body, time.time()), body)
    reason = skip_reason(event) or process_once(event)
    log.info("webhook-id=%s type=%s answered=200 reason=%s", event.webhook_id, event.event_type, reason)
    return jsonify({"received": True, "reason": reason} if reason else {"received": True})


@app.get("/edge/health")
def health() -> Response:
    store.ping()
    workers.submit(ping_database).result()
    return jsonify({"status": "ok"})


def ping_database() -> None:
    """Raises psycopg2.Error if PostgreSQL is unavailable."""
    with db_pool.get_admin_connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def process_once(event: Event) -> Optional[str]:
    """Processes the event and returns None, or returns a reason if it was processed before. Raises RedisError."""
    lock = store.lock(f"aurora-edge:lock:{event.webhook_id}", timeout=LOCK_SECONDS, thread_local=False)
    done = f"aurora-edge:done:{event.webhook_id}"
    if not lock.acquire(blocking=False):
        raise Refused(503, "in_progress", "Another call is processing this event.", IN_PROGRESS_RETRY_SECONDS)
    try:
        if store.exists(done):
            return "already processed"
        processing = workers.submit(process, event)
        while not wait([processing], timeout=LOCK_EXTENSION_SECONDS).done:
            despite_redis(lambda: lock.extend(LOCK_SECONDS, replace_ttl=True))
        processing.result()
        # The event is processed, so the answer is 200 even if Redis fails now: a retry would process the event twice.
        despite_redis(lambda: store.set(done, "1", ex=DONE_SECONDS))
        return None
    finally:
        despite_redis(lock.release)


def despite_redis(action) -> None:
    """Runs an action on Redis. Only logs a failure, which must not change the answer: locks expire anyway."""
    try:
        action()
    except redis.RedisError as error:
        log.warning("Redis: %s", type(error).__name__)


def process(event: Event) -> None:
    """Runs Aurora's task on the event, then looks for a new row: the task can return without storing the event."""
    before = newest_row(event)
    if event.org_id is not None and get_org_id_for_user(event.user_id) != event.org_id:
        raise Refused(
            409,
            "user_left_organisation",
            f"In Aurora, user {event.user_id} is not in organisation {event.org_id}: "
            "another member of it must connect PagerDuty again.",
        )
    process_pagerduty_event.apply(
        kwargs={"raw_payload": {"event": event.body}, "event_data": event.body, "user_id": event.user_id},
        throw=True,
    )
    if newest_row(event) <= before:
        raise Refused(
            503,
            "event_not_stored",
            "Aurora's task returned without storing the event. Its log lines say why; "
            f"one cause is that user {event.user_id} has no organisation in Aurora.",
        )


def newest_row(event: Event) -> int:
    """Returns the id of the event's newest row in `pagerduty_events`; 0 if there is none. Raises psycopg2.Error."""
    with db_pool.get_admin_connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")  # Fails if PostgreSQL is unavailable; set_rls_context would hide the error.
        if not set_rls_context(cursor, connection, event.user_id, log_prefix="[EDGE]"):
            return 0
        cursor.execute(
            "SELECT COALESCE(MAX(id), 0) FROM pagerduty_events"
            " WHERE user_id = %s AND incident_id = %s AND payload->'event'->>'id' = %s",
            (event.user_id, event.incident_id, event.event_id),
        )
        return cursor.fetchone()[0]


@app.errorhandler(Refused)
def refuse(refused: Refused) -> tuple[Response, int]:
    webhook_id = request.headers.get("webhook-id", "")
    log.warning("webhook-id=%.64s answered=%d code=%s", webhook_id, refused.status, refused.code)
    response = jsonify({"error": refused.error, "code": refused.code})
    if refused.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(refused.retry_after_seconds)
    return response, refused.status


@app.errorhandler(HTTPException)
def refuse_route(error: HTTPException) -> tuple[Response, int]:
    return refuse(Refused(error.code or 500, error.name.lower().replace(" ", "_"), str(error.description)))


@app.errorhandler(redis.RedisError)
def refuse_without_redis(error: redis.RedisError) -> tuple[Response, int]:
    return refuse(Refused(503, "redis_unavailable", f"Aurora's Redis does not answer ({type(error).__name__})."))


@app.errorhandler(Exception)
def refuse_after_failure(error: Exception) -> tuple[Response, int]:
    # The exception's text may quote the payload, so the log and the answer contain only the exception's class and line.
    # A task asks Celery for a retry by raising Retry, which has the real exception in `exc`.
    cause = getattr(error, "exc", None) or error
    frames = traceback.extract_tb(cause.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    reason = f"Aurora's code failed: {type(cause).__name__}{place}. Look at its PostgreSQL and Redis first."
    log.error("%s", reason)
    return refuse(Refused(503, "aurora_failed", reason))
