import fc from "fast-check";
import { type AuroraAnswer, answered, outcomeOf } from "../../src/aurora/answer.ts";
import {
  afterAnswer,
  afterChange,
  afterLook,
  atCheck,
  MirrorState,
  nextCallAtMs,
  UNKNOWN,
} from "../../src/aurora/mirror-state.ts";
import { permissionOf } from "../../src/aurora/permission.ts";
import { v3EventsOf } from "../../src/delivery/v3-event.ts";
import { boundContext } from "../../src/incidents/context-trim.ts";
import { ChangeKind, type Incident } from "../../src/incidents/incident.ts";
import { charCount } from "../../src/incidents/text.ts";
import { parseRetryAfter } from "../../src/retry-timing.ts";
import type { WebhookEvent } from "../emulator/pagerduty.ts";
import { anyContext } from "../support/context.ts";
import { cutByAurora, dumps, hasNullMember } from "../support/model.ts";
import { notificationOf } from "../support/stored-notification.ts";
import { damaged, nastyText, nastyValue } from "./hostile.ts";
import { isStorable, type Property } from "./property.ts";

/** Fuzzes the pure functions that read Aurora's answers or make events in the format `v3`. */

const SECRET = "internal-secret-0123456789";

const answer: fc.Arbitrary<AuroraAnswer> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.constantFrom<AuroraAnswer>({ kind: "unreachable" }, { kind: "timed_out", afterMs: 5_000 }),
  },
  {
    weight: 12,
    arbitrary: fc
      .record({
        status: fc.constantFrom(
          200,
          201,
          301,
          400,
          400,
          400,
          401,
          403,
          404,
          409,
          422,
          429,
          500,
          502,
          503,
          508,
        ),
        retryAfter: fc.option(nastyText.filter((text) => /^[\x20-\x7e]*$/.test(text))),
        text: fc.oneof(
          nastyText,
          nastyValue.map((value) => JSON.stringify(value)),
          nastyValue.map((error) => JSON.stringify({ error, connected: error })),
          fc.tuple(nastyText, nastyText).map(([a, b]) => JSON.stringify({ error: `${a}${SECRET}${b}` })),
          fc
            .tuple(nastyText, fc.nat(16_000))
            .map(([text, count]) => `<html>${`<b ${text}>${SECRET}`.repeat(count / 50)}`),
          fc.constantFrom('{"error": "Token required"}', '{"error": ["Token required"]}', "Token required"),
          fc.constantFrom(
            '{"error": "token required"}',
            '{"error": "Token required."}',
            '{"connected": true}',
          ),
        ),
      })
      .map(({ status, retryAfter, text }) => {
        const headers = new Headers(retryAfter === null ? {} : { "retry-after": retryAfter });
        return answered({ status, headers }, text, [SECRET, "", "1"]);
      }),
  },
);

/**
 * Every answer becomes one short line without secrets. Only a 400 with the error `Token required` means that the user
 * may change connectors.
 */
function readsAnswer(given: AuroraAnswer): boolean {
  const line = outcomeOf(given);
  const permission = permissionOf(given);
  const saysYes = given.kind === "answered" && given.status === 400 && given.error === "Token required";
  const waitSeconds = given.kind === "answered" ? parseRetryAfter(given.retryAfter, 0) : null;
  return (
    charCount(line) <= 250 &&
    isStorable(line) &&
    !/\p{Cc}/u.test(line) &&
    !line.includes(SECRET) &&
    !JSON.stringify(permission).includes(SECRET) &&
    (permission.verdict === "granted") === saysYes &&
    (waitSeconds === null || (Number.isSafeInteger(waitSeconds) && waitSeconds >= 0))
  );
}

const step = fc.record({
  step: fc.constantFrom(
    "connect" as const,
    "rotate" as const,
    "disconnect" as const,
    "answer",
    "look",
    "check",
  ),
  isMirrorable: fc.boolean(),
  answer,
  afterMs: fc.nat(4_000_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/**
 * `MirrorState` describes the copying of API tokens to Aurora. It can always be stored. Its `failure` is short and
 * contains no secret. The connector gives up a pending disconnect within an hour.
 */
function mirrorsWell(steps: readonly Step[]): boolean {
  let state: MirrorState | null = null;
  let nowMs = 0;
  for (const [index, { step, isMirrorable, answer, afterMs }] of steps.entries()) {
    nowMs += afterMs;
    const before: MirrorState = state ?? UNKNOWN;
    const made = { id: `c${index}`, member: { userId: "ada", orgId: "acme" }, isMirrorable };
    if (step === "answer") {
      if (before.pending) state = afterAnswer(before, before.pending, answer, nowMs);
    } else if (step === "look") state = afterLook(before, answer, { ...made, change: "connect" }, nowMs);
    else if (step === "check") state = atCheck(before, nowMs);
    else state = afterChange(before, { ...made, change: step }, nowMs);
    if (state === null) continue;
    const stored = MirrorState.safeParse(JSON.parse(JSON.stringify(state)));
    const atMs = nextCallAtMs(state);
    const isOver =
      state.pending?.change !== "disconnect" || (state.pending.endsAtMs ?? 0) <= nowMs + 3_600_000;
    if (!stored.success || !isOver || (atMs !== null && !Number.isFinite(atMs))) return false;
    if (charCount(state.failure ?? "") > 250 || state.failure?.includes(SECRET)) return false;
  }
  return true;
}

const named = fc.record({ id: nastyText, name: nastyText });
const fieldValue = fc.oneof(nastyText, fc.array(nastyText, { maxLength: 4 }), fc.integer(), fc.boolean());
const incident: fc.Arbitrary<Partial<Incident>> = fc.record(
  {
    sourceAlertId: fc.oneof(fc.constantFrom("42", "PGR0VU2", "0", "2147483648", "-1", "1e3"), nastyText),
    title: nastyText,
    service: fc.record({ id: fc.option(nastyText), name: nastyText }),
    severity: fc.constantFrom("critical", "high", "medium", "low"),
    status: fc.constantFrom("investigating", "resolved"),
    pagerdutyStatus: nastyText,
    urgency: fc.option(nastyText),
    priority: fc.option(nastyText),
    url: fc.option(nastyText),
    incidentKey: fc.option(nastyText),
    description: fc.option(nastyText),
    assignees: fc.array(named, { maxLength: 8 }),
    teams: fc.array(named, { maxLength: 8 }),
    escalationPolicy: fc.option(named),
    customFields: fc.dictionary(nastyText, fieldValue, { maxKeys: 8 }),
  },
  { requiredKeys: [] },
);

/**
 * In every event, the number is an integer and the texts fit Aurora's columns. A `triggered` event is so short that
 * Aurora's prompt leaves out no member of the event.
 */
function mapsWell(events: readonly WebhookEvent[]) {
  const event = fc
    .tuple(fc.constantFrom(...events), fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }), nastyValue)
    .map(([one, at, put]) =>
      damaged({ ...one, data: Object.assign({}, one.data, { id: "PGR0VU2", type: "incident" }) }, at, put),
    );
  const changedFields = fc.option(fc.array(nastyText, { maxLength: 4 }), { nil: undefined });
  // Generating a context is slow, so all cases share 40 contexts.
  const contexts = fc.sample(anyContext, { numRuns: 40, seed: 1 }).map(boundContext);
  const context = fc.option(fc.constantFrom(...contexts));
  return fc.property(
    fc.constantFrom(...ChangeKind.options),
    incident,
    event,
    changedFields,
    context,
    (kind, changed, event, changedFields, context) => {
      const made = v3EventsOf({
        notification: notificationOf(kind, changed, changedFields ? { changedFields } : {}),
        event,
        recipient: { userId: "ada", orgId: null },
        context,
      });
      if (made.kind !== "events") return true;
      return made.events.length <= 2 && made.events.every(({ id, body }) => isRight(id, body.event));
    },
  );
}

function isRight(
  id: string,
  event: { id: string; event_type: string; data: Record<string, unknown> },
): boolean {
  const { data } = event;
  const written = JSON.stringify(event);
  if (event.id !== id || !isStorable(written) || written.includes("\\u0000") || hasNullMember(data))
    return false;
  if (event.event_type === "incident.custom_field_values.updated")
    return Array.isArray(data["custom_fields"]);
  const { number, status, urgency, service } = data;
  const fits =
    typeof number === "number" &&
    Number.isInteger(number) &&
    number > 0 &&
    number < 2 ** 31 &&
    typeof status === "string" &&
    charCount(status) <= 50 &&
    typeof urgency === "string" &&
    charCount(urgency) <= 20 &&
    typeof service === "string";
  if (!fits || event.event_type !== "incident.triggered") return fits;
  return charCount(dumps(cutByAurora(data))) <= 14_000;
}

export function auroraProperties(events: readonly WebhookEvent[]): Property[] {
  return [
    { name: "Aurora's answers", weight: 4, property: fc.property(answer, readsAnswer) },
    {
      name: "answers to the mirror",
      weight: 1,
      property: fc.property(fc.array(step, { maxLength: 12 }), mirrorsWell),
    },
    { name: "incidents as V3 events", weight: 3, property: mapsWell(events) },
  ];
}
