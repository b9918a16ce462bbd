"""Tests how the note of one analysis is posted to the connector. A real HTTP server stands for the connector."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "aurora"))

from connector import Connector
from note import CONTENT_CHARACTERS, Analysis, Outcome, idempotency_key, note_of, post_note

ANALYSIS = Analysis("6f0c", "PINC", "ann", "acme", "## Root cause\n\nThe disk was full. ✓")


class Notes(unittest.TestCase):
    def setUp(self):
        self.connector = Connector()
        self.addCleanup(self.connector.close)

    def post(self, analysis=ANALYSIS) -> Outcome:
        return post_note(analysis, f"{self.connector.url}/", "s3cret", "https://aurora.example/")

    def test_a_note_is_posted_as_the_incidents_user_in_its_organisation(self):
        self.assertEqual(self.post(), Outcome("written"))
        [call] = self.connector.calls
        self.assertEqual(call["path"], "/pagerduty/incidents/PINC/notes")
        caller = [call["headers"][name] for name in ("x-internal-secret", "x-user-id", "x-org-id")]
        self.assertEqual(caller, ["s3cret", "ann", "acme"])
        self.assertEqual(
            call["body"],
            {
                "content": ANALYSIS.summary,
                "url": "https://aurora.example/incidents/6f0c",
                "idempotencyKey": idempotency_key(ANALYSIS),
            },
        )

    def test_an_incidents_id_cannot_leave_its_place_in_the_path(self):
        self.post(Analysis("6f0c", "../x?y/", "ann", "acme", "text"))
        self.assertEqual(self.connector.calls[0]["path"], "/pagerduty/incidents/..%2Fx%3Fy%2F/notes")

    def test_the_key_belongs_to_one_analysis_of_one_incident(self):
        other_text = Analysis("6f0c", "PINC", "ann", "acme", "another analysis")
        other_incident = Analysis("7a1d", "PINC", "ann", "acme", ANALYSIS.summary)
        keys = {idempotency_key(one) for one in (ANALYSIS, other_text, other_incident)}
        self.assertEqual(len(keys), 3)
        self.assertEqual(idempotency_key(ANALYSIS), idempotency_key(Analysis("6f0c", "X", "bob", "b", ANALYSIS.summary)))

    def test_a_long_analysis_is_cut_with_a_mark_and_stays_within_the_connectors_body_limit(self):
        note = note_of(Analysis("6f0c", "PINC", "ann", "acme", "😀" * 50_000), "")
        self.assertEqual(len(note["content"]), CONTENT_CHARACTERS)
        self.assertTrue(note["content"].endswith("[…]"))
        self.assertLess(len(str(note).encode()), 128 * 1024)
        self.assertNotIn("url", note)

    def test_half_a_character_in_the_summary_is_replaced(self):
        self.assertEqual(self.post(Analysis("6f0c", "PINC", "ann", "acme", "a\ud83d")).state, "written")
        self.assertEqual(self.connector.calls[0]["body"]["content"], "a?")

    def test_5xx_429_and_no_answer_are_delayed_and_every_other_4xx_is_refused(self):
        for status in (500, 502, 503, 429, 408):
            self.connector.answer_next(status, {"error": "not now", "code": "x"})
            self.assertEqual(self.post(), Outcome("delayed", f"{status} not now"))
        for status in (400, 401, 403, 404, 409, 413):
            self.connector.answer_next(status, {"error": "no", "code": "x"})
            self.assertEqual(self.post(), Outcome("refused", f"{status} no"))
        self.assertEqual(post_note(ANALYSIS, "http://127.0.0.1:1", "s", "").state, "delayed")

    def test_a_redirect_is_not_followed_so_the_secret_stays_with_the_connector(self):
        self.connector.answer_next(302, headers={"Location": f"{self.connector.url}/elsewhere"})
        self.assertEqual(self.post().state, "refused")
        self.assertEqual(len(self.connector.calls), 1)


if __name__ == "__main__":
    unittest.main()
