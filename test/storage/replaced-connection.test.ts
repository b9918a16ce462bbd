import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import type { ApiTokenConnection } from "../../src/connection/connection.ts";
import { Intake } from "../../src/webhooks/intake.ts";
import type { ReceivedWebhook } from "../../src/webhooks/received.ts";
import { Verifier } from "../../src/webhooks/verify.ts";
import { connectionOf } from "../support/connection.ts";
import { receivedWebhook } from "../support/received.ts";
import { connectedContext } from "./connected-context.ts";

/** The edge may verify a webhook with an outdated copy of a connection that has already been replaced. */

const EVENT = {
  id: "E1",
  event_type: "incident.triggered",
  resource_type: "incident",
  occurred_at: "2026-11-22T03:00:00Z",
  data: { type: "incident", id: "P1", title: "Down" },
};
const OTHER_SECRET = { id: "new", secret: "another secret", subscriptionId: null, expiresAtMs: null };

/** @param present members of the new connection; null if no connection replaced the old connection */
async function taken(
  user: string,
  present: Partial<ApiTokenConnection> | null,
  account: ReceivedWebhook["account"],
) {
  return runInDurableObject(env.TENANT.getByName(`user:${user}`), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, user);
    const { store, sql } = context;
    if (present)
      await store.replace(`user:${user}`, connectionOf(user, { connectionId: "next", ...present }));
    else await store.clear(`user:${user}`);
    let gaps = 0;
    const intake = new Intake(context, new Verifier(store), () => {
      gaps += 1;
    });
    const webhook = receivedWebhook(user, "w", JSON.stringify({ event: EVENT }), { account });
    const [outcome] = await intake.takeAll([webhook]);
    const rows = present ? [...sql.exec("SELECT outcome, shared FROM journal")] : [];
    return { outcome, gaps, rows };
  });
}

const hint = { outcome: "unconfirmed", gaps: 0, rows: [{ outcome: "unconfirmed", shared: 1 }] };
const refused = { outcome: "ignored", gaps: 1, rows: [] };

test.each<[string, Partial<ApiTokenConnection>, ReceivedWebhook["account"], object]>([
  ["of the same account without secrets is only a hint", { accountSubdomain: "acme" }, "us acme", hint],
  ["of an unknown account without secrets is only a hint", {}, "us acme", hint],
  [
    "without secrets is only a hint, even if its message has no account",
    { accountSubdomain: "acme" },
    undefined,
    hint,
  ],
  ["of another account is refused, and a check is due", { accountSubdomain: "globex" }, "us acme", refused],
  [
    "of another region is refused, and a check is due",
    { accountSubdomain: "acme", region: "eu" },
    "us acme",
    refused,
  ],
  [
    "with other secrets is refused, and a check is due",
    { accountSubdomain: "acme", signingSecrets: [OTHER_SECRET] },
    "us acme",
    refused,
  ],
])(
  "a webhook whose connection was replaced by a connection %s",
  async (title, present, account, expected) => {
    expect(await taken(`replaced ${title}`, present, account)).toEqual(expected);
  },
);

test("a webhook whose connection was removed is not taken", async () => {
  expect(await taken("replaced by none", null, "us acme")).toMatchObject({
    outcome: "not_connected",
    gaps: 0,
  });
});
