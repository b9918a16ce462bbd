import { expect, test } from "vitest";
import { urlOf } from "../../scripts/cloudflare/address.ts";
import { type Health, healthOf } from "../../scripts/cloudflare/health.ts";
import { readProject } from "../../scripts/cloudflare/project.ts";
import type { Wrangler, WranglerAnswer, WranglerOptions } from "../../scripts/cloudflare/wrangler.ts";
import { type Deployment, deploy } from "../../scripts/deploy/deployment.ts";
import { SEALING_KEY } from "../support/worker.ts";

/** A fake Cloudflare account behind wrangler 4.164, with the same messages and codes. */
class FakeCloudflare {
  accounts: { id: string; name: string }[] | null = [{ id: "a1", name: "Ada" }];
  /** Each queue's retention in seconds, by the queue's name. */
  readonly queues = new Map<string, number>();
  /** The ids of the KV namespaces, by their titles. */
  readonly namespaces = new Map<string, string>();
  /** The Worker's secrets; null if the Worker does not exist. */
  secrets: Map<string, string> | null = null;
  /** The id of the KV namespace that the Worker uses. */
  boundTo: string | null = null;
  maxRetentionSeconds = 14 * 24 * 3600;
  readonly calls: { args: string; options: WranglerOptions }[] = [];
  /** `call` counts from 1. With `after`, Cloudflare makes the change, but its answer is lost. */
  fault: { call: number; when: "before" | "after" } | null = null;

  readonly wrangler: Wrangler = async (args, options = {}) => {
    this.calls.push({ args: args.join(" "), options });
    const isFaulty = this.calls.length === this.fault?.call;
    const failed = { code: 1, output: "\u2718 [ERROR] fetch failed", targets: [] };
    if (isFaulty && this.fault?.when === "before") return failed;
    const answer = this.#answer(args, options);
    return isFaulty ? failed : answer;
  };

  #answer(args: readonly string[], { secrets = {}, namespaces }: WranglerOptions): WranglerAnswer {
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
          : done(
              `\u2718 [ERROR] Queue "${third}" does not exist. To create it, run: wrangler queues create`,
              1,
            );
      case "queues create":
        if (this.queues.has(third)) return done("Queue name is already taken [code: 11009]", 1);
        this.queues.set(third, 4 * 24 * 3600);
        return done(`\u2705 Created queue '${third}'`);
      case "queues update": {
        const seconds = Number(args.at(-1));
        if (seconds > this.maxRetentionSeconds) return done("The specified queue settings are invalid.", 1);
        this.queues.set(third, seconds);
        return done(`Updated queue ${third}.`);
      }
      case "kv namespace":
        return done(JSON.stringify([...this.namespaces].map(([title, id]) => ({ id, title }))));
      case "secret list": {
        if (!this.secrets) return done('\u2718 [ERROR] Worker "aurora-pagerduty" not found.', 1);
        return done(JSON.stringify([...this.secrets.keys()].map((name) => ({ name, type: "secret_text" }))));
      }
    }
    if (first !== "deploy") throw new Error(`Unexpected command: ${args.join(" ")}`);
    const bound = namespaces?.ids["CONNECTIONS"] ?? this.boundTo ?? this.#createNamespace();
    if (bound === null) return done("a namespace with this title already exists [code: 10014]", 1);
    // wrangler creates the namespace before it uploads the Worker, so a failed upload leaves the namespace behind.
    if (this.breaksUpload) return done("\u2718 [ERROR] A request to the Cloudflare API failed.", 1);
    this.boundTo = bound;
    this.secrets = new Map([...(this.secrets ?? []), ...Object.entries(secrets)]);
    return done("", this.deployCode, [
      "aurora-pagerduty.ada.workers.dev",
      "Producer for aurora-pagerduty-webhooks",
    ]);
  }

  breaksUpload = false;
  deployCode = 0;

  #createNamespace(): string | null {
    const title = "aurora-pagerduty-connections";
    if (this.namespaces.has(title)) return null;
    this.namespaces.set(title, "n1");
    return "n1";
  }
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

test("a first deployment creates the queues, uploads the secrets with the Worker, and prints the URL", async () => {
  const { cloudflare, lines, run } = stage();
  expect(await run()).toBe(true);
  expect([...cloudflare.queues.keys()]).toEqual([
    "aurora-pagerduty-webhooks",
    "aurora-pagerduty-dead-letters",
  ]);
  expect([...(cloudflare.secrets?.keys() ?? [])].sort()).toEqual(["CREDENTIALS_KEYS", "INTERNAL_API_SECRET"]);
  expect(lines.join("\n")).toContain("https://aurora-pagerduty.ada.workers.dev works (version 0.1.0)");
});

test("no secret is on a command line, and each generated secret is shown once", async () => {
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

test("a second deployment creates no queue, changes no secret, asks nothing and shows no secret", async () => {
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

test("if nobody can be asked, missing secrets are named before anything is changed", async () => {
  const { cloudflare, run } = stage(NOTIFIES);
  await expect(run({ ask: null })).rejects.toThrow(
    /CREDENTIALS_KEYS[\s\S]*INTERNAL_API_SECRET[\s\S]*AURORA_EVENTS_SECRET/,
  );
  expect(cloudflare.queues.size).toBe(0);
  expect(cloudflare.secrets).toBeNull();
});

test("nothing is deployed if the Worker would refuse a setting, and the error names the setting", async () => {
  await expect(stage({ RETENTION_DAYS: "many" }).run()).rejects.toThrow("RETENTION_DAYS must be a number");
});

test("a misspelt setting is refused, and the error suggests the right name", async () => {
  await expect(stage({ AURORA_EVENT_URL: "https://a.example" }).run()).rejects.toThrow(
    "AURORA_EVENT_URL is not a setting of this Worker. Did you mean AURORA_EVENTS_URL?",
  );
});

test.each([{}, { WORKERS_CI: "1" }])(
  "settings for a local Worker are never deployed: %j",
  async (environment) => {
    const { cloudflare, asked, run } = stage({ AURORA_ENV: " dev" });
    await expect(run({ environment })).rejects.toThrow(/AURORA_ENV[\s\S]*"production" under \[vars\]/);
    expect([cloudflare.calls, asked]).toEqual([[], []]);
  },
);

test("a build at Cloudflare deploys without secrets, and names the missing secrets instead of generating them", async () => {
  const { cloudflare, lines, run } = stage();
  await run({ ask: null, environment: { WORKERS_CI: "1", CLOUDFLARE_API_TOKEN: "t" } });
  expect(cloudflare.secrets?.size).toBe(0);
  expect(lines.join("\n")).toContain("CREDENTIALS_KEYS is not set");
});

test("if there is no login and nobody can be asked, the error names the login command", async () => {
  const { cloudflare, run } = stage();
  cloudflare.accounts = null;
  await expect(run({ ask: null })).rejects.toThrow("npx wrangler login");
});

test("with two accounts a person has to choose one", async () => {
  const { cloudflare, run } = stage();
  cloudflare.accounts = [
    { id: "a1", name: "Ada" },
    { id: "b2", name: "Work" },
  ];
  await expect(run()).rejects.toThrow(/b2 {2}Work[\s\S]*CLOUDFLARE_ACCOUNT_ID/);
  expect(await run({ environment: { CLOUDFLARE_ACCOUNT_ID: "b2" } })).toBe(true);
});

test("a deployment never replaces the Worker's present CREDENTIALS_KEYS", async () => {
  const { cloudflare, run } = stage();
  cloudflare.secrets = new Map([["CREDENTIALS_KEYS", "x"]]);
  await expect(run({ given: { CREDENTIALS_KEYS: SEALING_KEY } })).rejects.toThrow("npm run keys:rotate");
});

test("a deployment that failed half-way still shows the secrets that are in force", async () => {
  const { cloudflare, lines, run } = stage();
  cloudflare.deployCode = 1;
  await expect(run()).rejects.toThrow("could not deploy");
  expect(lines.join("\n")).toContain(`CREDENTIALS_KEYS=${cloudflare.secrets?.get("CREDENTIALS_KEYS")}`);
});

test("a first deployment that failed after it created the KV namespace can be repeated", async () => {
  const { cloudflare, run } = stage();
  cloudflare.breaksUpload = true;
  await expect(run()).rejects.toThrow("safe to run the command again");
  expect([...cloudflare.namespaces.keys()]).toEqual(["aurora-pagerduty-connections"]);
  cloudflare.breaksUpload = false;
  expect(await run()).toBe(true);
  expect(cloudflare.boundTo).toBe("n1");
});

async function faultless() {
  const { cloudflare, run } = stage(NOTIFIES);
  expect(await run()).toBe(true);
  const { queues, namespaces, boundTo, secrets, calls } = cloudflare;
  return { state: { queues, namespaces, boundTo, names: [...(secrets?.keys() ?? [])] }, calls };
}

test.each(["before", "after"] as const)(
  "if one call fails %s Cloudflare made the change, a first deployment succeeds, at the latest when repeated",
  async (when) => {
    const { state, calls } = await faultless();
    for (let call = 1; call <= calls.length; call += 1) {
      const { cloudflare, lines, run } = stage(NOTIFIES);
      cloudflare.fault = { call, when };
      const isDeploy = calls[call - 1]?.args.startsWith("deploy") === true;
      if (isDeploy) await expect(run()).rejects.toThrow("safe to run the command again");
      expect(await run(), `${calls[call - 1]?.args}`).toBe(true);
      const { queues, namespaces, boundTo, secrets } = cloudflare;
      expect({ queues, namespaces, boundTo, names: [...(secrets?.keys() ?? [])] }).toEqual(state);
      for (const [name, value] of secrets ?? []) expect(lines.join("\n")).toContain(`${name}=${value}`);
    }
  },
);

test("if the answer to an upload is lost, the uploaded secrets are shown, even if Cloudflare cannot list them", async () => {
  const { cloudflare, lines, run } = stage();
  const { wrangler } = cloudflare;
  let isDown = false;
  const breaking: Wrangler = async (args, options) => {
    if (isDown) return { code: 1, output: "fetch failed", targets: [] };
    isDown = args[0] === "deploy";
    const answer = await wrangler(args, options);
    return isDown ? { ...answer, code: 1 } : answer;
  };
  await expect(run({ wrangler: breaking })).rejects.toThrow("use the newer ones");
  for (const [name, value] of cloudflare.secrets ?? [])
    expect(lines.join("\n")).toContain(`${name}=${value}`);
});

test("dead letters are kept for 14 days; if the Cloudflare plan refuses 14 days, the deployment still succeeds", async () => {
  const { cloudflare, lines, run } = stage();
  await run();
  expect(cloudflare.queues.get("aurora-pagerduty-dead-letters")).toBe(14 * 24 * 3600);
  const free = stage();
  free.cloudflare.maxRetentionSeconds = 24 * 3600;
  expect(await free.run()).toBe(true);
  expect(lines.join("\n")).not.toContain("free plan");
  expect(free.lines.join("\n")).toMatch(/refused to keep[\s\S]*The free plan keeps messages for one day/);
});

test("a Worker that is misconfigured or cannot be reached is not reported as working", async () => {
  const { lines, run } = stage();
  expect(
    await run({
      health: async () => ({
        kind: "misconfigured",
        problems: [{ name: "FRONTEND_URL", problem: "is wrong" }],
      }),
    }),
  ).toBe(false);
  expect(lines.join("\n")).toContain("FRONTEND_URL is wrong");
  expect(await run({ health: async () => ({ kind: "unreachable", reason: "ENOTFOUND" }) })).toBe(false);
});

test("the dev environment has its own queues", () => {
  expect(readProject("dev").queues).toEqual([
    "aurora-pagerduty-dev-webhooks",
    "aurora-pagerduty-dev-dead-letters",
  ]);
});

test("the Worker's URL is PUBLIC_URL, or else a custom domain, or else workers.dev, but never a route", () => {
  const targets = ["example.com/pagerduty/*", "a.ada.workers.dev", "pd.example.com (custom domain)"];
  expect(urlOf(targets, "")).toBe("https://pd.example.com");
  expect(urlOf(targets.slice(0, 2), "")).toBe("https://a.ada.workers.dev");
  expect(urlOf(targets, "https://edge.example.com/")).toBe("https://edge.example.com");
  expect(urlOf(["Producer for q"], "")).toBeNull();
});

test("another server's answer at the Worker's URL is not mistaken for the Worker's answer", () => {
  expect(healthOf(200, "<html>").kind).toBe("unreachable");
  expect(healthOf(200, '{"status":"ok"}').kind).toBe("unreachable");
  expect(healthOf(200, '{"status":"ok","version":"0.1.0"}')).toEqual({ kind: "ok", version: "0.1.0" });
  const problems = [{ name: "CREDENTIALS_KEYS", problem: "is not set" }];
  expect(healthOf(503, JSON.stringify({ status: "misconfigured", version: "0.1.0", problems }))).toEqual({
    kind: "misconfigured",
    problems,
  });
});
