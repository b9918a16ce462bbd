import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseDevOptions } from "../../scripts/dev/dev-options.ts";
import { type DevSession, startDevSession } from "../../scripts/dev/session.ts";
import { freePort } from "../support/ports.ts";
import { send } from "../support/sent.ts";
import { until } from "../support/until.ts";
import { SEALING_KEY } from "../support/worker.ts";

/** The tests run the real `wrangler dev`. A fake cloudflared opens no tunnel, but prints a tunnel's URL. */

const root = fileURLToPath(new URL("../..", import.meta.url));
const FIRST = "https://first-lamp.trycloudflare.com";
const CLOUDFLARED = `#!${process.execPath}
require("node:fs").writeFileSync(__dirname + "/pid", String(process.pid));
process.stderr.write("INF |  ${FIRST}  |\\n");
setInterval(() => {}, 60_000);
`;

let folder: string;
let session: DevSession;
let base: string;
let output = "";
const said: string[] = [];
const readyAt: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dev-session-"));
  const cloudflared = join(folder, "cloudflared");
  writeFileSync(cloudflared, CLOUDFLARED, { mode: 0o755 });
  writeFileSync(join(folder, "settings.env"), `AURORA_ENV=dev\nCREDENTIALS_KEYS=${SEALING_KEY}\n`);
  const port = await freePort();
  base = `http://localhost:${port}`;
  const options = parseDevOptions([
    ...["--tunnel", "--port", String(port), "--inspector-port", "0"],
    ...["--env-file", join(folder, "settings.env"), "--persist-to", join(folder, "state")],
  ]);
  if (options === null) throw new Error("The options ask for help");
  session = startDevSession({
    toml: join(root, "wrangler.toml"),
    options,
    ready: (url) => readyAt.push(url),
    stdio: ["ignore", "pipe", "pipe"],
    environment: {
      ...process.env,
      CLOUDFLARED_PATH: cloudflared,
      WRANGLER_SEND_METRICS: "false",
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
    },
    say: (line) => said.push(line),
  });
  for (const stream of [session.child.stdout, session.child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
});

afterAll(async () => {
  const { child } = session;
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
  session.clear();
  // SIGTERM ends wrangler, but not the cloudflared that wrangler started.
  process.kill(Number(readFileSync(join(folder, "pid"), "utf8")));
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  expect(readdirSync(root).filter((name) => name.startsWith(`wrangler.dev-${process.pid}`))).toEqual([]);
});

async function webhookUrl(): Promise<string> {
  const response = await fetch(`${base}/pagerduty/webhook-url`, { headers: { "x-user-id": "ada" } }).catch(
    () => null,
  );
  return response === null ? "no answer" : response.text();
}

test("webhook URLs begin with the URL of wrangler's tunnel, and wrangler.toml does not change", async () => {
  const before = readFileSync(join(root, "wrangler.toml"), "utf8");
  await until("the tunnel in the webhook URL", async () => (await webhookUrl()).includes(FIRST));
  expect(JSON.parse(await webhookUrl())).toMatchObject({ webhookUrl: `${FIRST}/pagerduty/webhook/ada` });
  expect(said).toEqual([`Webhook URLs now begin with ${FIRST}`]);
  expect(output).toContain("Sharing via Cloudflare Tunnel");
  expect(readyAt).toEqual([base]);
  expect(readFileSync(join(root, "wrangler.toml"), "utf8")).toBe(before);
});

test("a stranger's request cannot imitate wrangler's output", async () => {
  const spoken = "Sharing%20via%20Cloudflare%20Tunnel:%20https://evil.trycloudflare.com%20";
  for (const path of [
    `/pagerduty/${spoken}`,
    "/pagerduty/Tunnel%20closed",
    "/pagerduty/%E2%AC%A3%20Tunnel%20closed",
  ]) {
    await send(`${base}${path}`, { host: new URL(FIRST).host, "cf-ray": "Tunnel closed" });
  }
  await until(
    "the requests in the output",
    () => output.includes("request.failed") && output.includes("Tunnel%20closed"),
  );
  expect(said).toEqual([`Webhook URLs now begin with ${FIRST}`]);
  expect(JSON.parse(await webhookUrl())).toMatchObject({ webhookUrl: `${FIRST}/pagerduty/webhook/ada` });
  session.child.emit("message", { tunnelUrl: "https://evil.example" });
  expect(said.at(-1)).toContain("not a Cloudflare tunnel");
  expect(await webhookUrl()).toContain(FIRST);
});

test("wrangler's banner, bindings and requests are hidden, and the Worker's log is shown", () => {
  expect(output).not.toMatch(
    /wrangler 4|access to the following bindings|env\.CONNECTIONS|\[wrangler:info\]/,
  );
  expect(output).toContain("request.failed");
});

test("the API refuses calls through the tunnel, and calls with the Host header of a foreign web page (DNS rebinding)", async () => {
  const tunnel = { host: new URL(FIRST).host, "x-user-id": "ada" };
  const claim = { ...tunnel, "mf-original-url": `${base}/pagerduty` };
  for (const headers of [
    tunnel,
    { ...claim, "cf-connecting-ip": "198.51.100.7", "cf-ray": "9c0ffee000000001-AMS" },
    { ...claim, host: "evil.example", "user-agent": "Mozilla/5.0 (X11; Linux x86_64)" },
  ]) {
    const reply = await send(`${base}/pagerduty`, headers);
    expect([reply.status, reply.text]).toEqual([403, expect.stringContaining("INTERNAL_API_SECRET")]);
  }
});

test("webhook URLs change to the URL of a new tunnel, and to the local URL after the tunnel has closed", async () => {
  const { child } = session;
  child.emit("message", { tunnelUrl: "https://second-lamp.trycloudflare.com" });
  await until("the second tunnel", async () => (await webhookUrl()).includes("second-lamp"));
  child.emit("message", { tunnelUrl: null });
  await until("the local URL", async () => (await webhookUrl()).includes(`${base}/pagerduty/webhook/ada`));
});
