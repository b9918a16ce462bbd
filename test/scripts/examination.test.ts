import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { examine } from "../../scripts/doctor/examination.ts";
import { printed } from "../../scripts/doctor/finding.ts";
import { INTERNAL_SECRET, settled } from "../support/worker.ts";
import { connectUser, startWorld, type World } from "../support/world.ts";

/** The doctor checks a real Worker whose tunnel is closed. */

let world: World;

beforeAll(async () => {
  world = await startWorld({ TUNNEL_URL: "https://gone.invalid" });
});
afterAll(() => world.close());

test("the doctor finds the closed tunnel, the missing subscription, and the event that arrived", async () => {
  const { pagerduty, worker } = world;
  const account = pagerduty.account();
  await connectUser(world, "ada", account);
  account.trigger({ title: "Checkout is slow" });
  await settled(worker, "ada", 1);
  const { findings } = await examine({
    url: worker.url,
    user: "ada",
    org: null,
    secret: INTERNAL_SECRET,
    localFaults: null,
  });
  const text = findings.map((finding) => printed(finding, false)).join("\n");
  expect(text).toContain("ok      The Worker answers at");
  expect(text).toContain("problem gone.invalid cannot be reached from here");
  expect(text).toContain("ok      ada is connected to PagerDuty");
  expect(text).toContain("warning No webhook subscription for this URL is known");
  expect(text).toContain("incident.triggered: applied");
  expect(text).not.toContain(INTERNAL_SECRET);
});

test("the doctor checks an organisation's connection, and returns the address to which incidents go", async () => {
  const headers = { "x-org-id": "acme" };
  const body = { token: world.pagerduty.account().apiKey() };
  await world.worker.call("grace", "POST", "/pagerduty", { headers, body });
  const patient = { url: world.worker.url, user: "grace", secret: INTERNAL_SECRET, localFaults: null };
  const own = await examine({ ...patient, org: null });
  expect(own.findings.map(({ what }) => what)).toContain("grace is not connected to PagerDuty");
  const { findings, target } = await examine({ ...patient, org: "acme" });
  expect(findings.map(({ what }) => what)).toContainEqual(expect.stringMatching(/^grace is connected to/));
  expect(target).toBe(world.aurora.url);
});

test("the doctor reports an INTERNAL_API_SECRET that the Worker refuses", async () => {
  const { findings } = await examine({
    url: world.worker.url,
    user: null,
    org: null,
    secret: "another",
    localFaults: null,
  });
  expect(findings.map(({ what }) => what)).toContain("The Worker refuses this INTERNAL_API_SECRET");
});

test("a Worker that does not answer is the doctor's only finding", async () => {
  const { findings } = await examine({
    url: "http://127.0.0.1:9",
    user: "ada",
    org: null,
    secret: null,
    localFaults: null,
  });
  expect(findings).toMatchObject([{ level: "problem", what: expect.stringContaining("No Worker answers") }]);
});

test("the doctor does not send the secret to another host after a redirect", async () => {
  const heard: IncomingHttpHeaders[] = [];
  const stranger = await serve(({ headers }, response) => {
    heard.push(headers);
    response.end("{}");
  });
  const door = await serve(({ url }, response) => {
    if (url === "/healthz") response.end('{"status":"ok","version":"0.1.0"}');
    else response.writeHead(302, { location: `${stranger.url}/login` }).end();
  });
  try {
    const { findings } = await examine({
      url: door.url,
      user: "ada",
      org: null,
      secret: INTERNAL_SECRET,
      localFaults: null,
    });
    expect(heard).toEqual([]);
    expect(findings.map(({ what }) => what)).toContain("GET /pagerduty answered 302 for ada");
  } finally {
    await Promise.all([door.close(), stranger.close()]);
  }
});

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("No port was given");
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
