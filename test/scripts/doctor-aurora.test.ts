import { afterAll, beforeAll, expect, test } from "vitest";
import { readProject } from "../../scripts/cloudflare/project.ts";
import { checkWay } from "../../scripts/doctor/aurora.ts";
import { examineAurora } from "../../scripts/doctor/aurora-examination.ts";
import { printed } from "../../scripts/doctor/finding.ts";
import { checkConfiguration, deployedConfig, localConfig } from "../../scripts/doctor/setup.ts";
import { parseConfig } from "../../src/config.ts";
import { startTodaysAurora, type TodaysAurora } from "../aurora/todays-aurora.ts";
import { jsonReply, Listener, type Reply, textReply } from "../emulator/listener.ts";
import { INTERNAL_SECRET, SEALING_KEY } from "../support/worker.ts";

/** `npm run doctor` checks whether Aurora can be reached, and says where incidents go. */

const project = readProject("");
let aurora: TodaysAurora;
let stranger: Listener;
let answer: Reply;

beforeAll(async () => {
  aurora = await startTodaysAurora({ internalSecret: INTERNAL_SECRET });
  stranger = await Listener.open(0);
  stranger.serve(() => answer);
});
afterAll(() => Promise.all([aurora.close(), stranger.close()]));

const settings = (more: Record<string, string>) => [
  {
    where: ".dev.vars",
    variables: { INTERNAL_API_SECRET: INTERNAL_SECRET, CREDENTIALS_KEYS: SEALING_KEY, ...more },
  },
];

async function findingsWith(more: Record<string, string>, bindsAurora = false): Promise<string[]> {
  const config = localConfig({ ...project, bindsAurora }, settings(more));
  if (config === null) throw new Error("These settings are wrong");
  return (await examineAurora(config, bindsAurora, null)).map((finding) => printed(finding, false));
}

const receiver = () => ({
  AURORA_BACKEND_URL: aurora.url,
  AURORA_EVENTS_URL: aurora.eventsUrl,
  AURORA_EVENTS_SECRET: aurora.eventsSecret,
});

test("if incidents go to the receiver, the doctor says so, and reports the receiver and Aurora's server as ok", async () => {
  const findings = await findingsWith(receiver());
  expect(findings).toEqual([
    expect.stringMatching(/^ok {6}Incidents go to the receiver beside Aurora/),
    expect.stringMatching(/^ok {6}Aurora's server answers at .* and accepts INTERNAL_API_SECRET$/),
    expect.stringMatching(/^ok {6}.* refuses an unsigned, empty call, as it should \(status 401\)$/),
  ]);
  for (const secret of [INTERNAL_SECRET, aurora.eventsSecret]) expect(findings.join()).not.toContain(secret);
  expect(aurora.tables.events).toEqual([]);
});

test("if incidents go to Aurora's own route, the doctor names the route and its limits", async () => {
  expect(await findingsWith({ AURORA_BACKEND_URL: aurora.url })).toEqual([
    expect.stringMatching(/^ok {6}Incidents go to Aurora's own route.*API tokens of the US region/),
    expect.stringMatching(/^ok/),
    expect.stringMatching(/^ok {6}.*\(status 404\)$/),
  ]);
  const [way] = await findingsWith({ AURORA_EVENTS_URL: aurora.webhookUrl });
  expect(way).toMatch(/^warning Incidents go to Aurora's own route.*but connections are not sent to Aurora/);
});

test("if no address of Aurora is set, the doctor warns and names docs/deploy.md", async () => {
  expect(await findingsWith({})).toEqual([
    expect.stringMatching(/^warning Aurora is not set up[\s\S]*docs\/deploy\.md/),
  ]);
});

test("the doctor reports an INTERNAL_API_SECRET that Aurora refuses", async () => {
  const findings = await findingsWith({ ...receiver(), INTERNAL_API_SECRET: "another" });
  expect(findings[1]).toMatch(/^problem Aurora's server at .* refuses INTERNAL_API_SECRET/);
});

test.each<[string, Reply, RegExp, RegExp]>([
  [
    "this connector itself",
    jsonReply(508, { error: "in a circle", code: "loop_detected" }),
    /AURORA_BACKEND_URL leads back to this connector/,
    /with 508: in a circle[\s\S]*leads back to this connector/,
  ],
  [
    "a login page",
    textReply(302, ""),
    /A program other than Aurora's server answers at .* \(status 302\)/,
    /with 302[\s\S]*[Rr]edirects are not followed/,
  ],
  [
    "a firewall",
    textReply(403, "<h1>Forbidden</h1>"),
    /A program other than Aurora's server answers at .* \(status 403\)/,
    /with 403[\s\S]*firewall, proxy or Cloudflare Access/,
  ],
  [
    "a server that accepts everything",
    textReply(200, "welcome"),
    /A program other than Aurora's server answers/,
    /accepts an unsigned, empty call/,
  ],
])("%s in Aurora's place is reported as a problem", async (_, reply, backend, events) => {
  answer = reply;
  const findings = await findingsWith({
    ...receiver(),
    AURORA_BACKEND_URL: stranger.url,
    AURORA_EVENTS_URL: `${stranger.url}/edge/events`,
  });
  expect(findings[1]).toMatch(backend);
  expect(findings[2]).toMatch(events);
  expect(findings.slice(1).every((finding) => finding.startsWith("problem"))).toBe(true);
});

test("an Aurora that does not run is reported, and an Aurora that only the Worker can reach is not called", async () => {
  const nobody = {
    ...receiver(),
    AURORA_BACKEND_URL: "http://127.0.0.1:9",
    AURORA_EVENTS_URL: "http://127.0.0.1:9/edge/events",
  };
  const [, backend, events] = await findingsWith(nobody);
  expect(backend).toMatch(
    /^problem Aurora's server cannot be reached from here, at 127\.0\.0\.1:9: .*(?:bad port|ECONNREFUSED)/,
  );
  expect(events).toMatch(/^problem 127\.0\.0\.1:9 cannot be reached from here/);
  expect((await findingsWith(nobody, true)).slice(1)).toEqual([
    expect.stringMatching(/^ok {6}.*cannot be tried/),
  ]);
});

test("for a deployed Worker, the doctor reads addresses from wrangler.toml, and secrets only from the environment", async () => {
  const vars = { ...project.vars, AURORA_BACKEND_URL: aurora.url, AURORA_EVENTS_URL: aurora.eventsUrl };
  const environment = { INTERNAL_API_SECRET: INTERNAL_SECRET, AURORA_HEADERS: "X-Door: open" };
  const config = deployedConfig({ ...project, vars }, environment);
  if (config === null) throw new Error("These settings are wrong");
  aurora.calls.length = 0;
  const findings = await examineAurora(config, false, null);
  expect(findings.map(({ level }) => level)).toEqual(["ok", "ok", "ok"]);
  expect(aurora.calls.map(({ headers }) => headers["x-door"])).toEqual(["open", "open"]);
  expect(deployedConfig({ ...project, vars }, {})).toMatchObject({ internalApiSecret: null });
  expect(deployedConfig({ ...project, vars: { RETENTION_DAYS: "x" } }, environment)).toBeNull();
});

test.each(["pagerduty", "aurora"])(
  "the former format name %s is a problem, whose text names the current formats",
  (format) => {
    const [finding] = checkConfiguration(project, settings({ AURORA_EVENTS_FORMAT: format }));
    expect(finding).toMatchObject({
      level: "problem",
      what: expect.stringMatching(
        /^AURORA_EVENTS_FORMAT must be v3 .* or notifications; their former names, pagerduty and aurora, are refused/,
      ),
    });
  },
);

test("if the local files name no Aurora, the doctor reports the address to which the running Worker delivers", () => {
  const config = parseConfig({ AURORA_ENV: "dev", CREDENTIALS_KEYS: SEALING_KEY });
  expect(checkWay(config, null)).toMatchObject({
    level: "warning",
    fix: expect.stringContaining("docs/deploy.md"),
  });
  expect(checkWay(config, "https://aurora.example/edge/events")).toMatchObject({
    level: "ok",
    what: expect.stringContaining("delivers to aurora.example"),
  });
});
