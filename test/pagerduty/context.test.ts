import { afterEach, expect, test, vi } from "vitest";
import * as z from "zod/mini";
import { callPagerDuty, tokenAuthorization } from "../../src/pagerduty/api.ts";
import {
  listAlerts,
  listChanges,
  listNotes,
  listPastIncidents,
  listRelatedIncidents,
} from "../../src/pagerduty/context.ts";
import { getFieldValues } from "../../src/pagerduty/incidents.ts";

/** PagerDuty's answers in these tests are the examples of PagerDuty's documentation. */

const target = { apiUrl: "https://api.example.com", authorization: tokenAuthorization("key") };
afterEach(() => void vi.unstubAllGlobals());

function answers(body: unknown, status = 200): () => string {
  let asked = "";
  vi.stubGlobal("fetch", async (url: string) => {
    asked = url;
    return Response.json(body, { status });
  });
  return () => asked;
}

const DOCUMENTED = {
  alerts: [
    {
      id: "PT4KHLK",
      type: "alert",
      summary: "The server is on fire.",
      html_url: "https://subdomain.pagerduty.com/alerts/PXPGF42",
      created_at: "2015-10-06T21:30:42Z",
      status: "resolved",
      body: {
        type: "alert_body",
        contexts: [{ type: "link", href: "https://graphs.example.com", text: "Graph" }, { type: "image" }],
        details: { customKey: "Server is on fire!" },
      },
      severity: "critical",
      integration: { id: "PQ12345", summary: "Email Integration" },
    },
    { type: "alert", summary: "without an id" },
  ],
  change_events: [
    {
      summary: "Build Success",
      timestamp: "2020-07-17T08:42:58Z",
      source: "acme-build-pipeline",
      custom_details: { build_state: "passed" },
      links: [{ href: "https://acme.pagerduty.dev/build/2", text: "View" }],
      correlation_reason: { reason: "most_recent" },
    },
  ],
  past_incidents: [
    { incident: { id: "PFBE9I2", created_at: "2020-11-04T16:08:15Z", self: "https://x" }, score: 46.8249 },
  ],
  related_incidents: [
    { incident: { id: "PR2P3RW", created_at: "2020-11-18T13:08:14Z", title: "The server is on fire." } },
  ],
  notes: [
    {
      id: "PWL7QXS",
      user: { summary: "Earline Greenholt" },
      content: "On the scene.",
      created_at: "2013-03-06T15:28:51-05:00",
    },
  ],
};

test("an alert has the monitoring tool's payload, links and source", async () => {
  const asked = answers(DOCUMENTED);
  expect(await listAlerts(target, "P 1")).toEqual({
    ok: true,
    value: [
      {
        id: "PT4KHLK",
        summary: "The server is on fire.",
        severity: "critical",
        status: "resolved",
        createdAt: "2015-10-06T21:30:42Z",
        url: "https://subdomain.pagerduty.com/alerts/PXPGF42",
        source: "Email Integration",
        details: { customKey: "Server is on fire!" },
        links: [{ href: "https://graphs.example.com", text: "Graph" }],
      },
    ],
  });
  expect(asked()).toContain("/incidents/P%201/alerts?limit=20&sort_by=created_at%3Adesc");
});

test("changes, similar incidents and notes have PagerDuty's values, and null for missing values", async () => {
  answers(DOCUMENTED);
  expect(await listChanges(target, "P1")).toMatchObject({
    value: [{ source: "acme-build-pipeline", reason: "most_recent", details: { build_state: "passed" } }],
  });
  expect(await listPastIncidents(target, "P1")).toEqual({
    ok: true,
    value: [
      {
        incidentId: "PFBE9I2",
        title: null,
        createdAt: "2020-11-04T16:08:15Z",
        score: 46.8249,
        url: null,
      },
    ],
  });
  expect(await listRelatedIncidents(target, "P1")).toMatchObject({
    value: [{ incidentId: "PR2P3RW", title: "The server is on fire.", status: null }],
  });
  expect(await listNotes(target, "P1")).toEqual({
    ok: true,
    value: [
      {
        id: "PWL7QXS",
        text: "On the scene.",
        by: "Earline Greenholt",
        createdAt: "2013-03-06T15:28:51-05:00",
      },
    ],
  });
});

test("if PagerDuty's answer lacks the requested list, the call's problem is `unavailable`", async () => {
  answers({ something: [] });
  expect(await listAlerts(target, "P1")).toMatchObject({ ok: false, problem: "unavailable" });
});

const ask = () => callPagerDuty(target, "GET", "/x", z.unknown());

test.each([
  [400, { problem: "bad_request", message: "Invalid: why" }],
  [401, { problem: "unauthorized" }],
  [402, { problem: "not_in_plan" }],
  [403, { problem: "forbidden" }],
  [404, { problem: "not_found" }],
  [408, { problem: "unavailable", reason: "PagerDuty answered 408" }],
  [409, { problem: "bad_request", message: "Invalid: why" }],
  [410, { problem: "bad_request", message: "Invalid: why" }],
  [422, { problem: "bad_request", message: "Invalid: why" }],
  [451, { problem: "bad_request", message: "Invalid: why" }],
  [429, { problem: "rate_limited", retryAfterSeconds: 60 }],
  [500, { problem: "unavailable", reason: "PagerDuty answered 500" }],
  [503, { problem: "unavailable", reason: "PagerDuty answered 503" }],
])("PagerDuty's answer %i is reported as %j", async (status, problem) => {
  answers({ error: { message: "Invalid", code: 2001, errors: ["why"] } }, status);
  expect(await ask()).toEqual({ ok: false, ...problem });
});

test("the connector's credential is redacted in PagerDuty's errors", async () => {
  const authorized = { ...target, authorization: tokenAuthorization("hushhush") };
  answers({ error: { message: "No such key: hushhush", errors: [authorized.authorization] } }, 400);
  const answer = await callPagerDuty(authorized, "GET", "/x", z.unknown());
  expect(answer).toMatchObject({ problem: "bad_request", message: expect.stringContaining("[redacted]") });
  expect(JSON.stringify(answer)).not.toContain("hushhush");
});

test("a refusal that names missing abilities means that the account's plan lacks the feature", async () => {
  answers({ error: { message: "Required abilities are unavailable", code: 2012 } }, 403);
  expect(await ask()).toEqual({ ok: false, problem: "not_in_plan" });
});

test.each([402, 403, 404, 405, 410])(
  "if PagerDuty answers %i for custom fields, they count as absent, not as unavailable",
  async (status) => {
    answers({ error: { message: "No" } }, status);
    expect(await getFieldValues(target, "P1")).toEqual({ ok: true, value: null });
  },
);

test("the caller's signal can end a call before the call's own deadline", async () => {
  vi.stubGlobal(
    "fetch",
    (_: string, { signal }: RequestInit) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
  );
  const signal = AbortSignal.timeout(1);
  const answer = await callPagerDuty({ ...target, signal }, "GET", "/x", z.unknown());
  expect(answer).toMatchObject({ ok: false, problem: "unavailable", cause: "timed_out" });
});
