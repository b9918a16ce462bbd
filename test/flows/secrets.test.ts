import { expect, test } from "vitest";
import { sign } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { INTERNAL_SECRET, type Reply, SEALING_KEY, settled } from "../support/worker.ts";
import { startWorld } from "../support/world.ts";

/** The test uses a connection with known secrets, then searches every answer, the log, KV and the storage for them. */

const stage = openStage(() => startWorld({ RECONCILE_MINUTES: "10" }));

test("no secret is readable in an answer, a log, KV or the storage", async () => {
  const { worker, pagerduty, aurora } = stage;
  const account = pagerduty.account();
  const [first, second, reader] = [account.apiKey(), account.apiKey(), account.apiKey({ write: false })];
  const [pasted, wrong] = ["pasted-SIGNING-secret-1", "wrong-SIGNING-secret-2"];
  const seen: string[] = [];
  const keep = (reply: Reply) => {
    seen.push(reply.text, JSON.stringify([...reply.headers]));
    return reply;
  };
  const call = async (method: string, path: string, body?: object) =>
    keep(await worker.call("alice", method, `/pagerduty${path}`, body ? { body } : {}));

  await call("POST", "", { token: `${first}-unknown` });
  pagerduty.faults.api = { status: 500, body: JSON.stringify({ error: { message: first } }), times: 1 };
  await call("POST", "", { token: first });
  pagerduty.faults.api = { status: 400, body: JSON.stringify({ error: { message: first } }), times: 2 };
  await call("POST", "", { token: first });
  pagerduty.faults.api = null;
  await call("POST", "", { token: first, subscribe: true });
  const [subscription] = [...account.subscriptions.values()];
  if (!subscription) throw new Error("There is no subscription");
  await call("PATCH", "", { token: reader });
  await call("POST", "/subscription", { events: ["incident.triggered"] });
  await call("PATCH", "", { token: second });
  await call("PUT", "/signing-secret", { secret: pasted });
  await call("PUT", "/signing-secret", { secret: { secret: wrong } });

  aurora.answer = ({ index }) => ({ status: index === 0 ? 500 : 200 });
  const incident = account.trigger({ title: "Down" });
  incident.setField("runbook_link", "http://localhost/runbook");
  await subscription.idle();
  await aurora.waitFor("the analysis", () => aurora.of(incident.id).length >= 2);
  for (const signature of [sign(wrong, "{}"), "v1=00", ""]) {
    const init = { method: "POST", headers: { "x-pagerduty-signature": signature }, body: "{}" };
    keep(await worker.request("/pagerduty/webhook/alice", init));
  }
  keep(await worker.request("/pagerduty", { headers: { "x-internal-secret": `${INTERNAL_SECRET}x` } }));
  await settled(worker, "alice", 1);
  for (const path of [
    "",
    "/webhook-url",
    "/incidents",
    `/incidents/${incident.id}`,
    "/events",
    "/deliveries",
    "/subscription",
  ]) {
    await call("GET", path);
  }
  await call("POST", "/reconcile");
  keep(await worker.request("/healthz"));

  const { CONNECTIONS } = await worker.handle.getEnv();
  const { keys } = await CONNECTIONS.list();
  const kv = await Promise.all(keys.map(async ({ name }) => `${name} ${await CONNECTIONS.get(name)}`));
  const tables = ["incidents", "journal", "hints"];
  const rows = await Promise.all(tables.map((table) => worker.sql("alice", `SELECT * FROM ${table}`)));
  const stored = rows
    .flat()
    .map((row) =>
      JSON.stringify(row, (_, value) =>
        value instanceof ArrayBuffer ? Buffer.from(value).toString() : value,
      ),
    );

  const secrets = {
    "API token": first,
    "rotated API token": second,
    "read-only API token": reader,
    "signing secret": subscription.secret,
    "pasted signing secret": pasted,
    "refused signing secret": wrong,
    "internal secret": INTERNAL_SECRET,
    "sealing key": SEALING_KEY.slice(SEALING_KEY.indexOf(":") + 1),
    "events secret": aurora.secret.slice("whsec_".length),
  };
  const places = { answers: seen, logs: worker.logs(), KV: kv, storage: stored };
  expect(kv.length).toBe(1);
  expect(places.logs.length).toBeGreaterThan(10);
  for (const [place, texts] of Object.entries(places)) {
    for (const [name, secret] of Object.entries(secrets)) {
      expect(
        texts.filter((text) => text.includes(secret)),
        `${name} in ${place}`,
      ).toEqual([]);
    }
  }
});
