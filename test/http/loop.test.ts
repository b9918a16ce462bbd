import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PagerDuty, startPagerDuty } from "../emulator/pagerduty.ts";
import { until } from "../support/until.ts";
import { startWorker, type Worker } from "../support/worker.ts";

/** The settings contain URLs of a proxy that sends every request back to the connector. */

let proxy: Server;
let pagerduty: PagerDuty;
let worker: Worker;
let proxyUrl: string;

beforeAll(async () => {
  proxy = createServer((call, answer) => {
    const { method, url, headers } = call;
    const onward = request(new URL(url ?? "/", worker.url), { method, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    call.pipe(onward);
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("The proxy has no port");
  proxyUrl = `http://127.0.0.1:${address.port}`;
  pagerduty = await startPagerDuty();
  worker = await startWorker({
    PAGERDUTY_API_URL: pagerduty.apiUrl,
    AURORA_EVENTS_URL: `${proxyUrl}/pagerduty/webhook/{user_id}`,
  });
});
afterAll(async () => {
  await worker.close();
  proxy.closeAllConnections();
  proxy.close();
  await pagerduty.close();
});

test.each([
  ["GET", "/pagerduty", "AURORA_BACKEND_URL"],
  ["PATCH", "/pagerduty/", "AURORA_BACKEND_URL"],
  ["POST", "/pagerduty/webhook/ada", "AURORA_EVENTS_URL"],
  ["POST", "/edge/events", "AURORA_EVENTS_URL"],
  ["GET", "/pagerduty/oauth/callback", "AURORA_EVENTS_URL"],
  ["GET", "/healthz", "AURORA_EVENTS_URL"],
  ["GET", "/", "AURORA_EVENTS_URL"],
])("%s %s from a connector is refused as a loop, and the error names %s", async (method, path, setting) => {
  const reply = await worker.request(path, { method, headers: { "x-aurora-edge": "1" } });
  expect(reply).toMatchObject({ status: 508, body: { code: "loop_detected" } });
  expect(reply.text).toContain(setting);
});

test("a delivery whose URL leads back to the connector stays undelivered, and its error names the setting", async () => {
  const account = pagerduty.account();
  await worker.call("ada", "POST", "/pagerduty", { body: { token: account.apiKey() } });
  const subscription = account.subscribe({ url: `${worker.url}/pagerduty/webhook/ada` });
  await worker.call("ada", "PUT", "/pagerduty/signing-secret", { body: { secret: subscription.secret } });
  account.trigger();
  const expected = {
    delivery: {
      dead: 0,
      lastDeliveredAt: null,
      lastError: expect.stringMatching(
        /^Aurora answered 508: .*configuration.*AURORA_EVENTS_URL leads back to this connector.*dead at \d{4}-/,
      ),
    },
    problems: expect.arrayContaining([
      expect.objectContaining({ code: "deliveries_failing", message: expect.stringContaining("508") }),
    ]),
  };
  await until("the problem", async () => {
    const { body } = await worker.call("ada", "GET", "/pagerduty");
    return (body as { delivery: { lastError: string | null } }).delivery.lastError !== null;
  });
  expect((await worker.call("ada", "GET", "/pagerduty")).body).toMatchObject(expected);
  expect((await worker.call("ada", "GET", "/pagerduty/events")).body).toMatchObject({ events: [{}] });
});

test("if AURORA_BACKEND_URL leads back to the connector, changes are refused with an error that names this setting", async () => {
  const circular = await startWorker({
    PAGERDUTY_API_URL: pagerduty.apiUrl,
    AURORA_BACKEND_URL: proxyUrl,
  });
  try {
    const reply = await circular.call("ada", "DELETE", "/pagerduty", { headers: { "x-org-id": "acme" } });
    expect(reply).toMatchObject({ status: 503, body: { code: "aurora_unavailable" } });
    expect(reply.text).toMatch(/508: .*AURORA_BACKEND_URL leads back/);
  } finally {
    await circular.close();
  }
});
