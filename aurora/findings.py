"""Writes Aurora's finished analyses of PagerDuty incidents as notes in PagerDuty, through the connector.

Does nothing unless WRITE_FINDINGS=true. Reads Aurora's table `incidents`, but never writes to it. Redis remembers which
analyses were written. If Redis loses its data, the connector recognizes a repeated note by its idempotency key.
"""

import logging
import os
import sys
import time
from typing import Iterator

import redis

from note import Analysis, idempotency_key, post_note
from utils.auth.stateless_auth import set_rls_context
from utils.cache.redis_client import get_redis_ssl_kwargs
from utils.db.connection_pool import db_pool

ROUND_SECONDS = 30
# Analyses that ended more than three days ago are not sent, so that the first start writes no notes on last month's
# incidents. Three days cover a weekend during which the connector does not run.
WINDOW_DAYS = 3
# How long Redis remembers that an analysis was written as a note: longer than WINDOW_DAYS, so that no note is written
# twice.
WRITTEN_SECONDS = 8 * 24 * 3600
REDIS_TIMEOUT_SECONDS = 5

FINISHED = """
    SELECT id::text, alert_metadata->>'incidentId', user_id, org_id, aurora_summary
    FROM incidents
    WHERE org_id = %s AND source_type = 'pagerduty' AND status <> 'merged' AND aurora_status = 'complete'
      AND aurora_summary <> '' AND alert_metadata->>'incidentId' <> ''
      AND analyzed_at > CURRENT_TIMESTAMP - make_interval(days => %s)
    ORDER BY analyzed_at
"""

log = logging.getLogger("edge.findings")


def finished_analyses() -> list[Analysis]:
    """Returns the finished analyses of all organisations. Row-level security shows only one organisation at a time."""
    with db_pool.get_admin_connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT MIN(id) FROM users WHERE org_id IS NOT NULL GROUP BY org_id")
        members = [member for (member,) in cursor.fetchall()]
        return [analysis for member in members for analysis in analyses_of(member, connection, cursor)]


def analyses_of(member: str, connection, cursor) -> Iterator[Analysis]:
    """Yields the finished analyses of a member's organisation."""
    org_id = set_rls_context(cursor, connection, member, log_prefix="[EDGE]")
    if org_id:
        cursor.execute(FINISHED, (org_id, WINDOW_DAYS))
        yield from (Analysis(*row) for row in cursor.fetchall())


def write_new(store: redis.Redis, refused: set[str], edge_url: str, internal_secret: str, frontend_url: str) -> None:
    """Posts each finished analysis to the connector, unless its idempotency key is in Redis or in `refused`.

    If the connector refuses an analysis, adds the analysis's key to `refused`.
    """
    for analysis in finished_analyses():
        key = idempotency_key(analysis)
        if key in refused or store.exists(f"aurora-edge:note:{key}"):
            continue
        outcome = post_note(analysis, edge_url, internal_secret, frontend_url)
        log.info("incident=%s note=%s %s", analysis.incident_id, outcome.state, outcome.reason)
        if outcome.state == "written":
            store.set(f"aurora-edge:note:{key}", "1", ex=WRITTEN_SECONDS)
        elif outcome.state == "refused":
            log.error("incident=%s gave up: restart this service to try again", analysis.incident_id)
            refused.add(key)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", force=True)
    if os.environ.get("WRITE_FINDINGS") != "true":
        log.info("WRITE_FINDINGS is not true: no notes are written")
        return
    missing = [name for name in ("EDGE_URL", "INTERNAL_API_SECRET") if not os.environ.get(name)]
    if missing:
        sys.exit(f"Set {' and '.join(missing)}: notes are written through the connector.")
    store = redis.Redis.from_url(
        os.environ.get("REDIS_URL", "redis://redis:6379/0"),
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        **get_redis_ssl_kwargs(),
    )
    refused: set[str] = set()
    while True:
        try:
            write_new(
                store,
                refused,
                os.environ["EDGE_URL"],
                os.environ["INTERNAL_API_SECRET"],
                os.environ.get("FRONTEND_URL", ""),
            )
        except Exception as error:  # PostgreSQL or Redis is unavailable: the next round tries again.
            log.error("round failed: %s", type(error).__name__)
        time.sleep(ROUND_SECONDS)


if __name__ == "__main__":
    main()
