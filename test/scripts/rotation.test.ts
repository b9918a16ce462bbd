import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { rotatedKeys } from "../../scripts/settings/key-list.ts";
import { SEALING_KEY } from "../support/worker.ts";

/** The tests run `npm run keys:rotate` with the real wrangler and a fake Cloudflare on this machine. */

const script = fileURLToPath(new URL("../../scripts/rotate-keys.ts", import.meta.url));
const NAMES = {
  success: true,
  errors: [],
  messages: [],
  result: [{ name: "CREDENTIALS_KEYS", type: "secret_text" }],
};

let cloudflare: Server;
let url: string;
let answersUploads: boolean;
/** The last list of keys that the fake Cloudflare accepted. */
let inForce: string | null;

beforeAll(async () => {
  cloudflare = createServer(async (request, response) => {
    const body = await text(request);
    if (request.method === "PATCH") {
      inForce = /k\d+:[\w+/=:,]+/.exec(body)?.[0] ?? null;
      if (!answersUploads) {
        request.socket.destroy();
        return;
      }
    }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(NAMES));
  }).listen(0, "127.0.0.1");
  await once(cloudflare, "listening");
  const address = cloudflare.address();
  if (address === null || typeof address === "string") throw new Error("No port was given");
  url = `http://127.0.0.1:${address.port}`;
});
afterAll(() => {
  cloudflare.closeAllConnections();
  cloudflare.close();
});
beforeEach(() => {
  inForce = null;
});

async function rotate(list: string, args: string[] = []) {
  const child = spawn(process.execPath, ["--no-warnings", script, ...args], {
    env: {
      ...process.env,
      CLOUDFLARE_API_BASE_URL: url,
      CLOUDFLARE_API_TOKEN: "none",
      CLOUDFLARE_ACCOUNT_ID: "none",
      WRANGLER_SEND_METRICS: "false",
      CI: "1",
    },
    stdio: "pipe",
  });
  child.stdin.end(`${list}\n`);
  const closed = once(child, "close");
  const [shown, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await closed;
  return { code, shown, said };
}

test("the new list of keys is printed, and nothing else is on standard output", async () => {
  answersUploads = true;
  const { code, shown, said } = await rotate(SEALING_KEY);
  expect([code, shown]).toEqual([0, `${inForce}\n`]);
  expect(inForce).toMatch(new RegExp(`^k2:.*,${SEALING_KEY.replaceAll("+", "\\+")}$`));
  expect(said).toContain("The new list is in force");
});

test("if Cloudflare's answer to the upload is lost, the new list is printed, and a message says that the list may be in force", async () => {
  answersUploads = false;
  const { code, shown, said } = await rotate(SEALING_KEY);
  expect([code, shown]).toEqual([1, `${inForce}\n`]);
  expect(said).toContain("may or may not be in force");
  expect(said).toContain("npx wrangler secret put CREDENTIALS_KEYS --env=");
  expect(said).not.toContain("Not changed");
});

test("nothing is uploaded if the list does not contain the key to retire", async () => {
  const { code, shown } = await rotate(rotatedKeys(SEALING_KEY), ["--retire", "k9"]);
  expect([code, shown, inForce]).toEqual([1, "", null]);
});
