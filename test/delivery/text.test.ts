import { expect, test } from "vitest";
import { notificationBody } from "../../src/delivery/notification.ts";
import { v3EventsOf } from "../../src/delivery/v3-event.ts";
import { effectOf, PagerDutyEvent } from "../../src/pagerduty/event.ts";
import { snapshotOf } from "../../src/pagerduty/observe.ts";
import { notificationOf } from "../support/stored-notification.ts";

/** PagerDuty can send U+0000 and half surrogate pairs, which PostgreSQL's JSONB refuses. */

const REFUSED = /\\u0000|\\ud[89a-f][0-9a-f]{2}/i;
const titleCase = {
  event: {
    id: "01F12CHAR0000000000000000A",
    event_type: "incident.triggered",
    resource_type: "incident",
    occurred_at: "2026-11-26T09:00:00.500Z",
    data: {
      id: "Q12CHAR0000001",
      type: "incident",
      number: 12,
      status: "triggered",
      title: "log line \0 cut \ud83d",
      service: { id: "PSVC001", summary: "API Service" },
    },
  },
};
const recipient = { userId: "u", orgId: null };
const event = PagerDutyEvent.parse(titleCase.event);
const effect = effectOf(event);
const title = effect.kind === "incident" ? snapshotOf(effect.data).title : "";
const notification = notificationOf("created", {
  title,
  customFields: { "na\0me": "va\0lue", list: ["\ud83d", 1, null] },
  description: "cut \udc00",
});

test("characters that databases refuse are replaced in a notification, except in its copy of PagerDuty's event", () => {
  const { data } = JSON.parse(notificationBody(notification, recipient, titleCase.event, null));
  expect(JSON.stringify({ ...data, event: null })).not.toMatch(REFUSED);
  expect(data.incident).toMatchObject({
    title: "log line \ufffd cut \ufffd",
    customFields: { "na\ufffdme": "va\ufffdlue", list: ["\ufffd", 1, null] },
  });
  expect(data.event).toEqual(titleCase.event);
});

test("characters that databases refuse are replaced in a V3 event", () => {
  const made = v3EventsOf({ notification, event: titleCase.event, recipient, context: null });
  expect(JSON.stringify(made)).not.toMatch(REFUSED);
  expect(JSON.stringify(made)).toContain("log line \ufffd cut \ufffd");
});
