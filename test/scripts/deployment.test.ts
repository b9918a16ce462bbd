import { expect, test } from "vitest";
import { urlOf } from "../../scripts/cloudflare/address.ts";
import { type Health, healthOf } from "../../scripts/cloudflare/health.ts";
import { readProject } from "../../scripts/cloudflare/project.ts";
import type { Wrangler, WranglerOptions } from "../../scripts/cloudflare/wrangler.ts";
import { type Deployment, deploy } from "../../scripts/deploy/deployment.ts";
import { SEALING_KEY } from "../support/worker.ts";

/** A Cloudflare account as wrangler 4.164 shows it: the same words, the same codes. */
class FakeCloudflare {
  accounts: { id: string; name: string }[] | null = [{ id: "a1", name: "Ada" }];
  readonly queues = new Set<string>();
  /** Null: there is no such Worker. */
  secrets: Map<string, string> | null = null;
  deployCode = 0;
  readonly calls: { args: string; options: WranglerOptions }[] = [];

  readonly wrangler: Wrangler = async (args, options = {}) => {
    this.calls.push({ args: args.join(" "), options });
    const [first, second, third = ""] = args;
    const done = (output: string, code = 0, targets: string[] = []) => ({ code, output, targets });
    switch (`${first} ${second}`) {
      case "whoami --json":
        return this.accounts
          ? done(JSON.stringify({ loggedIn: true, accounts: this.accounts }))
          : done('{"loggedIn":false}', 1);
      case "queues info":
        return this.queues.has(third)
          ? done(`Queue Name: ${third}`)
          : done(`✘ [ERROR] Queue "${third}" does not exist. To create it, run: wrangler queues create`, 1);
      case "queues create":
        this.queues.add(third);
        return done(`✅ Created queue '${third}'`);
      case "secret list": {
        if (!this.secrets) return done('✘ [ERROR] Worker "aurora-pagerduty" not found.', 1);
        return done(JSON.stringify([...this.secrets.keys()].map((name) => ({ name, type: "secret_text" }))));
      }
    }
    if (first !== "deploy") throw new Error(`Not a command that is expected: ${args.join(" ")}`);
    const secrets = new Map([...(this.secrets ?? []), ...Object.entries(options.secrets ?? {})]);
    this.secrets = secrets;
    return done("", this.deployCode, [
      "aurora-pagerduty.ada.workers.dev",
      "Producer for aurora-pagerduty-webhooks",
    ]);
  };
}

/** Settings that need AURORA_EVENTS_SECRET. */
const NOTIFIES = {
  AURORA_EVENTS_URL: "https://aurora.example/events",
  AURORA_EVENTS_FORMAT: "notifications",
};

interface Told {
  cloudflare: FakeCloudflare;
  lines: string[];
  asked: string[];
  run(overrides?: Partial<Deployment>): Promise<boolean>;
}

function stage(vars: Record<string, string> = {}, answers: Record<string, string> = {}): Told {
  const cloudflare = new FakeCloudflare();
  const lines: string[] = [];
  const asked: string[] = [];
  const project = readProject("");
  return {
    cloudflare,
    lines,
    asked,
    run: (overrides = {}) =>
      deploy({
        wrangler: cloudflare.wrangler,
        project: { ...project, vars: { ...project.vars, ...vars } },
        given: {},
        ask: async (question) => {
          const name = question.slice(0, question.indexOf(":"));
          asked.push(name);
          return answers[name] ?? "";
        },
        environment: {},
        health: async (): Promise<Health> => ({ kind: "ok", version: "0.1.0" }),
        say: (line) => lines.push(line),
        ...overrides,
      }),
  };
}

test("from nothing, the queues are made, the secrets uploaded with the first version, and the URL told", async () => {
  const { cloudflare, lines, run } = stage();
  expect(await run()).toBe(true);
  expect([...cloudflare.queues]).toEqual(["aurora-pagerduty-webhooks", "aurora-pagerduty-dead-letters"]);
  expect([...(cloudflare.secrets?.keys() ?? [])].sort()).toEqual(["CREDENTIALS_KEYS", "INTERNAL_API_SECRET"]);
  expect(lines.join("\n")).toContain("https://aurora-pagerduty.ada.workers.dev works (version 0.1.0)");
});

test("no secret is on a command line, and each that was made is shown once", async () => {
  const { cloudflare, lines, run } = stage(NOTIFIES);
  await run();
  const commands = cloudflare.calls.map(({ args }) => args).join("\n");
  const secrets = [...(cloudflare.secrets ?? [])];
  expect(secrets.map(([name]) => name)).toHaveLength(3);
  for (const [name, value] of secrets) {
    expect(commands).not.toContain(value);
    expect(lines.join("\n").split(`${name}=${value}`)).toHaveLength(2);
  }
});

test("doing it again makes nothing, uploads nothing, asks nothing and shows nothing", async () => {
  const { cloudflare, lines, asked, run } = stage();
  await run();
  const before = new Map(cloudflare.secrets);
  lines.length = asked.length = cloudflare.calls.length = 0;
  expect(await run()).toBe(true);
  expect(cloudflare.secrets).toEqual(before);
  expect(asked).toEqual([]);
  expect(cloudflare.calls.some(({ args }) => args.startsWith("queues create"))).toBe(false);
  for (const value of before.values()) expect(lines.join("\n")).not.toContain(value);
});

test("a secret that was pasted or read from a file is uploaded, and never shown", async () => {
  const { cloudflare, lines, asked, run } = stage(NOTIFIES, { INTERNAL_API_SECRET: " of-aurora \n" });
  const secret = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;
  await run({ given: { AURORA_EVENTS_SECRET: secret } });
  expect(asked).toEqual(["INTERNAL_API_SECRET"]);
  expect(cloudflare.secrets?.get("INTERNAL_API_SECRET")).toBe("of-aurora");
  expect(cloudflare.secrets?.get("AURORA_EVENTS_SECRET")).toBe(secret);
  expect(lines.join("\n")).not.toMatch(/of-aurora|whsec_/);
});

test("where nobody can be asked, what is missing is refused by name before anything is changed", async () => {
  const { cloudflare, run } = stage(NOTIFIES);
  await expect(run({ ask: null })).rejects.toThrow(
    /CREDENTIALS_KEYS[\s\S]*INTERNAL_API_SECRET[\s\S]*AURORA_EVENTS_SECRET/,
  );
  expect(cloudflare.queues.size).toBe(0);
  expect(cloudflare.secrets).toBeNull();
});

test("a setting that the Worker would not take is refused by name", async () => {
  await expect(stage({ RETENTION_DAYS: "many" }).run()).rejects.toThrow("RETENTION_DAYS must be a number");
});

test.each([{}, { WORKERS_CI: "1" }])(
  "a Worker for one's own machine is never deployed: %j",
  async (environment) => {
    const { cloudflare, asked, run } = stage({ AURORA_ENV: " dev" });
    await expect(run({ environment })).rejects.toThrow(/AURORA_ENV[\s\S]*"production" under \[vars\]/);
    expect([cloudflare.calls, asked]).toEqual([[], []]);
  },
);

test("a build at Cloudflare deploys without secrets, says what is missing and makes none in its log", async () => {
  const { cloudflare, lines, run } = stage();
  await run({ ask: null, environment: { WORKERS_CI: "1", CLOUDFLARE_API_TOKEN: "t" } });
  expect(cloudflare.secrets?.size).toBe(0);
  expect(lines.join("\n")).toContain("CREDENTIALS_KEYS is not set");
});

test("who is not logged in is sent to the login, and without a person told how", async () => {
  const { cloudflare, run } = stage();
  cloudflare.accounts = null;
  await expect(run({ ask: null })).rejects.toThrow("npx wrangler login");
});

test("with two accounts the choice is left to the person", async () => {
  const { cloudflare, run } = stage();
  cloudflare.accounts = [
    { id: "a1", name: "Ada" },
    { id: "b2", name: "Work" },
  ];
  await expect(run()).rejects.toThrow(/b2 {2}Work[\s\S]*CLOUDFLARE_ACCOUNT_ID/);
  expect(await run({ environment: { CLOUDFLARE_ACCOUNT_ID: "b2" } })).toBe(true);
});

test("keys in force are never replaced from a file", async () => {
  const { cloudflare, run } = stage();
  cloudflare.secrets = new Map([["CREDENTIALS_KEYS", "x"]]);
  await expect(run({ given: { CREDENTIALS_KEYS: SEALING_KEY } })).rejects.toThrow("npm run keys:rotate");
});

test("a deployment that failed half-way still shows what is in force by then", async () => {
  const { cloudflare, lines, run } = stage();
  cloudflare.deployCode = 1;
  await expect(run()).rejects.toThrow("could not deploy");
  expect(lines.join("\n")).toContain(`CREDENTIALS_KEYS=${cloudflare.secrets?.get("CREDENTIALS_KEYS")}`);
});

test("a Worker that is up but misconfigured, or not yet reachable, is not called working", async () => {
  const { lines, run } = stage();
  expect(
    await run({ health: async () => ({ kind: "misconfigured", problems: ["FRONTEND_URL is wrong"] }) }),
  ).toBe(false);
  expect(lines.join("\n")).toContain("FRONTEND_URL is wrong");
  expect(await run({ health: async () => ({ kind: "unreachable", reason: "ENOTFOUND" }) })).toBe(false);
});

test("the dev environment has queues of its own", () => {
  expect(readProject("dev").queues).toEqual([
    "aurora-pagerduty-dev-webhooks",
    "aurora-pagerduty-dev-dead-letters",
  ]);
});

test("a custom domain is the URL before workers.dev, a route never, and PUBLIC_URL before both", () => {
  const targets = ["example.com/pagerduty/*", "a.ada.workers.dev", "pd.example.com (custom domain)"];
  expect(urlOf(targets, "")).toBe("https://pd.example.com");
  expect(urlOf(targets.slice(0, 2), "")).toBe("https://a.ada.workers.dev");
  expect(urlOf(targets, "https://edge.example.com/")).toBe("https://edge.example.com");
  expect(urlOf(["Producer for q"], "")).toBeNull();
});

test("an answer of something else at that address is not taken for the Worker's", () => {
  expect(healthOf(200, "<html>").kind).toBe("unreachable");
  expect(healthOf(200, '{"status":"ok"}').kind).toBe("unreachable");
  expect(healthOf(200, '{"status":"ok","version":"0.1.0"}')).toEqual({ kind: "ok", version: "0.1.0" });
  const problems = [{ name: "CREDENTIALS_KEYS", problem: "is not set" }];
  expect(healthOf(503, JSON.stringify({ status: "misconfigured", version: "0.1.0", problems }))).toEqual({
    kind: "misconfigured",
    problems: ["CREDENTIALS_KEYS is not set"],
  });
});
