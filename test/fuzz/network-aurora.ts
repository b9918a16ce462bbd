import fc from "fast-check";
import { charCount } from "../../src/incidents/text.ts";
import type { Reply } from "../emulator/listener.ts";
import { sign } from "../emulator/pagerduty.ts";
import { cutByAurora, dumps } from "../support/model.ts";
import { patienceMs } from "../support/patience.ts";
import { nastyText, nastyValue } from "./hostile.ts";
import type { Attack } from "./network.ts";
import { type Answered, AURORA_SECRETS, SECRET, type Target, TOKEN, USER } from "./target.ts";

/** Attacks the connector with hostile answers: from Aurora, and from PagerDuty about an incident's context. */

const printable = nastyText.filter((text) => /^[\x20-\x7e]*$/.test(text));
const bodyWith = (secrets: readonly string[]) =>
  fc.oneof(
    nastyText,
    nastyValue.map((value) => JSON.stringify(value)),
    nastyValue.map((error) => JSON.stringify({ error, connected: error })),
    nastyText.map((text) => JSON.stringify({ error: `${text} ${secrets.join(" ")}` })),
    fc.nat(200_000).map((size) => `<html>${"<p>".repeat(size / 3)}`),
    // These bodies resemble `Token required`, the error that only a permitted user gets.
    fc.constantFrom('{"error": "Token required."}', '{"error": ["Token required"]}', "Token required"),
  );
const STATUSES = [200, 201, 204, 301, 302, 307, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 508];
const replyWith = (secrets: readonly string[]) =>
  fc
    .record({
      status: fc.constantFrom(...STATUSES),
      retryAfter: printable,
      location: fc.oneof(printable, fc.constant("http://169.254.169.254/")),
      body: bodyWith(secrets),
      cut: fc.boolean(),
      reset: fc.nat(9),
    })
    .map(({ status, retryAfter, location, body, cut, reset }): Reply | "reset" => {
      if (reset === 0) return "reset";
      const headers = { "retry-after": retryAfter, location, "content-type": "application/json" };
      return status === 204 ? { status } : { status, headers, body, cut: cut && reset === 1 };
    });

const reply = replyWith(AURORA_SECRETS);

function isDiscreet({ text }: Answered, maxChars: number): string | null {
  const repeated = [...AURORA_SECRETS, TOKEN].find((secret) => text.includes(secret));
  if (repeated !== undefined) return `the answer repeats ${repeated}`;
  return text.length <= maxChars ? null : `an answer of ${text.length} characters`;
}

async function happened(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const endAt = Date.now() + patienceMs();
  while (!(await check())) {
    if (Date.now() > endAt) throw new Error(`${what} never happened`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

interface Deliveries {
  deliveries: { state: string; lastError: string | null }[];
}
const deliveriesOf = async (target: Target, query: string): Promise<Deliveries> =>
  JSON.parse((await target.call("GET", `/pagerduty/deliveries?${query}`)).text);

const CHANGES = [
  ["PUT", "/pagerduty/signing-secret"],
  ["DELETE", "/pagerduty/signing-secret"],
  ["POST", "/pagerduty"],
  ["DELETE", "/pagerduty"],
  ["POST", "/pagerduty/events/retry"],
  ["POST", "/pagerduty/reconcile"],
] as const;

export function auroraAttacks(target: Target): Attack[] {
  let serial = 0;
  const trigger = (data: object) => {
    serial += 1;
    const event = {
      id: `E${serial}`,
      event_type: "incident.triggered",
      resource_type: "incident",
      occurred_at: new Date().toISOString(),
      data: {
        id: `P${serial}`,
        type: "incident",
        number: serial,
        title: "Down",
        status: "triggered",
        ...data,
      },
    };
    const bytes = new TextEncoder().encode(JSON.stringify({ event }));
    const headers = { "x-webhook-id": `w${serial}`, "x-pagerduty-signature": sign(SECRET, bytes) };
    return target.request("POST", `/pagerduty/webhook/${USER}`, headers, bytes);
  };
  return [
    {
      name: "Aurora's permission answers",
      weight: 2,
      alone: true,
      cases: fc.tuple(reply, fc.constantFrom(...CHANGES)).map(([answer, [method, path]]) => async () => {
        target.hostileAurora = { permission: answer };
        try {
          const json = JSON.stringify({ token: TOKEN, secret: "another" });
          // The connector has cached no permission for a new user.
          const user = `asker-${++serial}`;
          const answered = await target.call(method, path, method === "DELETE" ? null : json, user);
          if (![401, 403, 503].includes(answered.status)) return `${answered.status} without a permission`;
          return isDiscreet(answered, 2_000);
        } finally {
          target.hostileAurora = {};
        }
      }),
    },
    {
      name: "Aurora's answers to the mirror",
      weight: 1,
      alone: true,
      // Aurora's answers may contain the token, because the connector sends the token to Aurora.
      cases: replyWith([...AURORA_SECRETS, TOKEN]).map((answer) => async () => {
        target.hostileAurora = { api: answer };
        const before = target.auroraCalls.api;
        try {
          const rotated = await target.call("PATCH", "/pagerduty", JSON.stringify({ token: TOKEN }));
          if (rotated.status !== 200)
            return `the rotation is ${rotated.status} ${rotated.text.slice(0, 200)}`;
          await happened("the call of the mirror", () => target.auroraCalls.api > before);
          const status = await target.call("GET", "/pagerduty");
          return status.status === 200 ? isDiscreet(status, 20_000) : `the status is ${status.status}`;
        } finally {
          target.hostileAurora = {};
        }
      }),
    },
    {
      name: "receiver's and context's answers",
      weight: 2,
      alone: true,
      cases: fc
        .tuple(reply, reply, nastyText, nastyValue)
        .map(([receiver, pagerduty, title, value]) => async () => {
          target.hostileAurora = { events: receiver };
          target.hostile = pagerduty;
          try {
            const taken = await trigger({ title, priority: value, body: { details: title } });
            if (taken.status !== 202) return `${taken.status} for what is genuine`;
            const isSettled = async () => {
              if (target.platform.backlog > 0) return false;
              return (await deliveriesOf(target, "limit=1&state=pending")).deliveries.length === 0;
            };
            await happened("the end of the delivery", isSettled);
            const sentBodies = target.events.splice(0);
            if (sentBodies.length === 0) return "nothing was sent";
            for (const sent of sentBodies) {
              const chars = charCount(dumps(cutByAurora(JSON.parse(sent).event.data)));
              if (chars > 14_000) return `${chars} characters for Aurora's model`;
            }
            const shown = await target.call("GET", "/pagerduty/deliveries?limit=5");
            const long = (JSON.parse(shown.text) as Deliveries).deliveries.find(
              ({ lastError }) => (lastError?.length ?? 0) > 1_000,
            );
            return long ? `an error of ${long.lastError?.length} characters` : isDiscreet(shown, 30_000);
          } finally {
            target.hostileAurora = {};
            target.hostile = null;
          }
        }),
    },
  ];
}

/** Sends every dead delivery again after the hostile answers. Returns a fault if a delivery was lost. */
export async function deliversAll(target: Target): Promise<string | null> {
  await happened("the delivery of everything", async () => {
    await target.call("POST", "/pagerduty/deliveries/redeliver", "{}");
    const { text } = await target.call("GET", "/pagerduty");
    const { delivery } = JSON.parse(text) as { delivery: { pending: number; dead: number } };
    return delivery.pending === 0 && delivery.dead === 0;
  });
  const { deliveries } = await deliveriesOf(target, "limit=100");
  return deliveries.every(({ state }) => state === "delivered") ? null : "a delivery was lost";
}
