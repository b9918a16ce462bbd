import fc from "fast-check";
import { refusalOf } from "../../src/analysis/public-address.ts";
import { fetchRunbook } from "../../src/analysis/runbook.ts";
import { nextStep } from "../../src/delivery/schedule.ts";
import { emptyIncident, fold, view } from "../../src/incidents/fold.ts";
import { Incident, IncidentState } from "../../src/incidents/incident.ts";
import { severityOf } from "../../src/incidents/severity.ts";
import { retryAfterOf } from "../../src/pagerduty/api.ts";
import { effectOf, readBody, reasonNotUsed } from "../../src/pagerduty/event.ts";
import { RestIncidentAnswer } from "../../src/pagerduty/incidents.ts";
import { observeEvent } from "../../src/pagerduty/observe.ts";
import { subdomainOf } from "../../src/pagerduty/region.ts";
import { unpackMessage } from "../../src/queue/message.ts";
import { parseRetryAfter } from "../../src/retry-timing.ts";
import type { WebhookEvent } from "../emulator/pagerduty.ts";
import { auroraProperties } from "./aurora.ts";
import { contextProperties } from "./context.ts";
import { damaged, nastyBody, nastyText, nastyValue } from "./hostile.ts";
import { type Property, throwsOnly, withFetch } from "./property.ts";
import { applyReadingShape } from "./readings.ts";
import { settingProperties } from "./settings.ts";

/** Fuzzes the boundaries that are pure functions. */

/** Every incident folded from a body can be stored, read again and sent. */
function foldsWell(body: Uint8Array): boolean {
  const read = readBody(body);
  if (!read.ok) return read.problem.length > 0;
  const effect = effectOf(read.event);
  if ((reasonNotUsed(read.event) === null) !== (effect.kind !== "none")) return false;
  if (effect.kind !== "incident" && effect.kind !== "fields") return true;
  const stamp = { atMs: Date.parse(read.event.occurred_at), id: read.event.id };
  const before = emptyIncident(effect.incidentId);
  const { state } = fold(
    before,
    effect.kind === "fields"
      ? { kind: "fields", stamp, fields: effect.fields }
      : observeEvent(effect.data, stamp, null),
  );
  const stored = IncidentState.parse(JSON.parse(JSON.stringify(state)));
  const seen = view(stored);
  return seen === null || Incident.safeParse(seen).success;
}

const privateHost = fc.oneof(
  fc.constantFrom("localhost", "a.localhost", "127.1", "0", "0x7f000001", "2130706433", "[::1]", "[::]"),
  fc.constantFrom(
    "169.254.169.254",
    "metadata.google.internal",
    "[::ffff:10.0.0.1]",
    "[fd00::1]",
    "[fe80::1]",
  ),
  fc.constantFrom(
    "router.local",
    "10.0.0.1.",
    "①②⑦.⓪.⓪.①",
    "017700000001",
    "[2002:7f00:1::]",
    "[64:ff9b::7f00:1]",
  ),
  fc.nat(0xffffff).map((low) => `10.${low >> 16}.${(low >> 8) & 255}.${low & 255}`),
  fc.nat(0xfffff).map((low) => `172.${16 + (low >> 16)}.${(low >> 8) & 255}.${low & 255}`),
  fc.nat(0xffff).map((low) => `192.168.${low >> 8}.${low & 255}`),
  fc.nat(0xffffff).map((low) => String(0x7f000000 + low)),
);

const page = fc.record({
  status: fc.constantFrom(200, 200, 200, 301, 302, 303, 307, 308, 401, 404, 500),
  type: fc.oneof(fc.constantFrom("text/plain", "text/html; charset=x", "application/json"), nastyText),
  location: fc.oneof(
    fc.webUrl(),
    privateHost.map((host) => `http://${host}/`),
    fc.constantFrom("/next", "//example.com", "file:///etc/passwd", "https://u:p@example.com"),
    nastyText,
  ),
  body: fc.oneof(
    nastyText.map((text) => new TextEncoder().encode(text)),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Uint8Array.from(bytes)),
    fc.constantFrom(256 * 1024, 256 * 1024 + 1).map((size) => new Uint8Array(size).fill(97)),
  ),
});

type Page = typeof page extends fc.Arbitrary<infer T> ? T : never;

/** Fetching a runbook returns its text or an error, and calls at most four addresses, all of them public. */
async function readsWell(pages: readonly Page[]): Promise<boolean> {
  const asked: URL[] = [];
  const answerOf = (url: URL, index: number) => {
    asked.push(url);
    const answer = pages[index];
    if (!answer) throw new TypeError("fetch failed");
    const headers = new Headers();
    for (const [name, value] of [
      ["content-type", answer.type],
      ["location", answer.location],
    ] as const) {
      if (/^[\x20-\x7e]*$/.test(value)) headers.set(name, value);
    }
    return new Response(answer.body, { status: answer.status, headers });
  };
  return withFetch(answerOf, async () => {
    const { content, error } = await fetchRunbook("https://runbooks.example.com/start");
    const isResult = content === null ? error !== "" : error === null && content.trim() !== "";
    return isResult && asked.length <= 4 && asked.every((url) => refusalOf(url) === null);
  });
}

export function pureProperties(events: readonly WebhookEvent[]): Property[] {
  const rest = fc
    .tuple(fc.constantFrom(...events), fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }), nastyValue)
    .map(([event, at, put]) => damaged(event.data, at, put));
  return [
    { name: "webhook bodies", weight: 8, property: fc.property(nastyBody(events), foldsWell) },
    {
      name: "private runbook URLs",
      weight: 2,
      property: fc.property(privateHost, fc.constantFrom("http", "https"), (host, scheme) => {
        const url = URL.parse(`${scheme}://${host}/runbook`);
        return url === null || refusalOf(url) !== null;
      }),
    },
    {
      name: "runbook URLs of any kind",
      weight: 2,
      property: fc.property(fc.oneof(nastyText, fc.webUrl()), (text) => {
        const url = URL.parse(text);
        return url === null || refusalOf(url) !== "";
      }),
    },
    {
      name: "runbook pages",
      weight: 1,
      property: fc.asyncProperty(fc.array(page, { maxLength: 6 }), readsWell),
    },
    {
      name: "incidents from REST",
      weight: 2,
      property: fc.property(rest, (incident) => applyReadingShape(RestIncidentAnswer.safeParse(incident))),
    },
    {
      name: "queue messages",
      weight: 1,
      property: fc.asyncProperty(nastyValue, (message) =>
        throwsOnly(
          (error) => error instanceof Error,
          async () => (await unpackMessage(message)).webhookId.length,
        ),
      ),
    },
    {
      name: "headers of answers",
      weight: 2,
      property: fc.property(fc.string({ maxLength: 30 }), fc.integer(), (text, nowMs) => {
        const seconds = parseRetryAfter(text, nowMs);
        const headers = new Headers();
        if (/^[\x20-\x7e]*$/.test(text)) headers.set("retry-after", text);
        const step = nextStep(
          {
            kind: "failed",
            cause: "unreachable",
            status: null,
            error: "",
            advice: null,
            retryAfterSeconds: seconds,
          },
          1,
          [0, 5],
          0,
          0.5,
        );
        const waits = step.step === "retry" && step.atMs >= 5_000 && step.atMs <= 4_000_000;
        return waits && retryAfterOf(headers) >= 1 && retryAfterOf(headers) <= 3600;
      }),
    },
    {
      name: "priorities and links",
      weight: 2,
      property: fc.property(nastyText, nastyText, (priority, url) => {
        subdomainOf(url);
        return ["critical", "high", "medium", "low"].includes(severityOf(priority, url));
      }),
    },
    ...contextProperties(),
    ...auroraProperties(events),
    ...settingProperties(),
  ];
}
