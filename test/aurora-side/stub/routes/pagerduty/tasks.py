"""Stands for Aurora's task: stores the event's row, or does what the event's `data.stub` says instead."""

import json

from surroundings import Gate
from utils.auth.stateless_auth import set_rls_context
from utils.db.connection_pool import db_pool


class Task:
    def apply(self, kwargs, throw):
        assert throw, "a failure would be returned instead of raised"
        event, user_id = kwargs["event_data"], kwargs["user_id"]
        data = event["data"]
        if data.get("stub") == "raise":
            raise ValueError(f"could not store {json.dumps(data)}")
        if data.get("stub") == "hold":
            Gate(event["id"]).hold()
        if data.get("stub") != "silent":
            store(kwargs["raw_payload"], event, user_id)


def store(raw_payload, event, user_id):
    incident = event["data"].get("incident", event["data"])
    with db_pool.get_admin_connection() as connection, connection.cursor() as cursor:
        org_id = set_rls_context(cursor, connection, user_id, log_prefix="[STUB]")
        if not org_id:
            return
        cursor.execute(
            "INSERT INTO pagerduty_events (user_id, org_id, event_type, incident_id, payload) VALUES (%s, %s, %s, %s, %s)",
            (user_id, org_id, event["event_type"], incident["id"], json.dumps(raw_payload)),
        )
        connection.commit()


process_pagerduty_event = Task()
