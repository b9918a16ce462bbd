"""Tests findings.py with a real PostgreSQL with row-level security, and with a real Redis."""

import json
import os
import sys
import unittest
from unittest import mock

from connector import Connector
from surroundings import AURORA_SIDE, STUB, Postgres, Redis, missing, redis_client

INSERT = """
INSERT INTO incidents (user_id, org_id, source_type, status, aurora_status, aurora_summary, analyzed_at, alert_metadata)
VALUES (%s, %s, %s, %s, %s, %s, now() - make_interval(days => %s), %s)
"""


def setUpModule():
    absent = [name for name in missing() if name not in ("flask", "gunicorn")]
    if absent:
        raise unittest.SkipTest(f"not installed: {', '.join(absent)}")
    global redis, postgres, findings
    redis = Redis()
    unittest.addModuleCleanup(redis.stop)
    postgres = Postgres()
    unittest.addModuleCleanup(postgres.remove)
    sys.path[:0] = [str(AURORA_SIDE), str(STUB)]
    import findings


def add(incident_id, org_id="acme", user_id="ann", source="pagerduty", status="analyzed", aurora_status="complete",
        summary="The disk was full.", days_ago=0, metadata=None):
    metadata = {"incidentId": incident_id} if metadata is None else metadata
    values = (user_id, org_id, source, status, aurora_status, summary, days_ago, json.dumps(metadata))
    postgres.execute("root", INSERT, values)


class Findings(unittest.TestCase):
    def setUp(self):
        postgres.execute("root", "DELETE FROM incidents")
        redis_client().flushall()
        self.connector = Connector()
        self.addCleanup(self.connector.close)
        self.refused: set[str] = set()

    def round(self, refused=None):
        refused = self.refused if refused is None else refused
        findings.write_new(redis_client(), refused, self.connector.url, "s3cret", "")

    def posted(self) -> list[tuple]:
        return [
            (call["path"].split("/")[3], call["headers"]["x-user-id"], call["headers"]["x-org-id"])
            for call in self.connector.calls
        ]

    def test_a_finished_analysis_is_written_once_for_its_user_and_organisation(self):
        add("P1")
        add("P2", org_id="evil", user_id="eve")
        self.round()
        self.round()
        self.assertCountEqual(self.posted(), [("P1", "ann", "acme"), ("P2", "eve", "evil")])

    def test_only_finished_analyses_of_pagerduty_incidents_of_the_last_days_are_written(self):
        add("running", aurora_status="running")
        add("summarizing", aurora_status="summarizing")
        add("failed", aurora_status="error")
        add("merged", status="merged")
        add("empty", summary="")
        add("none", summary=None)
        add("grafana", source="grafana")
        add("old", days_ago=4)
        add("no-id", metadata={})
        add("resolved", status="resolved", days_ago=2)
        self.round()
        self.assertEqual(self.posted(), [("resolved", "ann", "acme")])

    def test_when_redis_lost_what_was_written_the_second_call_has_the_same_key(self):
        add("P1")
        self.round()
        redis_client().flushall()
        self.round(refused=set())
        first, second = self.connector.calls
        self.assertEqual(first["body"], second["body"])

    def test_a_later_analysis_of_the_same_incident_is_another_note(self):
        add("P1")
        self.round()
        postgres.execute("root", "UPDATE incidents SET aurora_summary = 'The disk failed.'")
        self.round()
        self.assertEqual(len({call["body"]["idempotencyKey"] for call in self.connector.calls}), 2)

    def test_a_note_that_is_delayed_is_tried_in_the_next_round(self):
        add("P1")
        self.connector.answer_next(503)
        for _round in range(3):
            self.round()
        self.assertEqual(len(self.connector.calls), 2)

    def test_a_note_that_is_refused_is_given_up_with_a_log_line_that_holds_no_text_of_it(self):
        add("P1", summary="SECRET-FINDING")
        self.connector.answer_next(403, {"error": "write_access_required", "code": "x"})
        with self.assertLogs("edge.findings") as logs:
            self.round()
            self.round()
        self.assertEqual(len(self.connector.calls), 1)
        self.assertIn("incident=P1 note=refused 403 write_access_required", "\n".join(logs.output))
        self.assertIn("gave up", "\n".join(logs.output))
        self.assertNotIn("SECRET-FINDING", "\n".join(logs.output))

    def test_without_write_findings_nothing_is_read_or_written(self):
        for setting in ({}, {"WRITE_FINDINGS": "false"}):
            with mock.patch.dict(os.environ, setting), mock.patch.object(findings, "write_new") as write:
                with self.assertLogs("edge.findings") as logs:
                    findings.main()
                write.assert_not_called()
                self.assertIn("WRITE_FINDINGS is not true", logs.output[0])

    def test_without_the_connectors_address_or_the_secret_the_service_ends_with_their_names(self):
        with mock.patch.dict(os.environ, {"WRITE_FINDINGS": "true", "EDGE_URL": "", "INTERNAL_API_SECRET": ""}):
            with self.assertRaisesRegex(SystemExit, "EDGE_URL and INTERNAL_API_SECRET"):
                findings.main()


if __name__ == "__main__":
    unittest.main()
