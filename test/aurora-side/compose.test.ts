import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod/mini";
import aurora from "./aurora-services.json";

const folder = fileURLToPath(new URL("../../aurora/", import.meta.url));
const text = (name: string) => readFileSync(`${folder}${name}`, "utf8");

const Service = z.strictObject({
  image: z.optional(z.string()),
  extends: z.optional(z.strictObject({ file: z.string(), service: z.string() })),
  command: z.optional(z.string()),
  environment: z.optional(z.record(z.string(), z.string())),
  volumes: z.optional(z.array(z.string())),
  extra_hosts: z.optional(z.array(z.string())),
  depends_on: z.optional(z.array(z.string())),
  healthcheck: z.optional(z.record(z.string(), z.unknown())),
  stop_grace_period: z.optional(z.string()),
  restart: z.optional(z.string()),
});
const Compose = z.strictObject({ services: z.record(z.string(), Service) });

const { services } = Compose.parse(parse(text("docker-compose.edge.yaml")));
const ofAurora = Object.keys(aurora.services);
const entries = Object.entries(services);

test("no port is published, and Aurora's only changed service, frontend, gets BACKEND_URL and depends on the proxy", () => {
  expect(Object.keys(services).filter((name) => !name.startsWith("aurora-edge-"))).toEqual(["frontend"]);
  const { environment, depends_on: dependsOn, ...others } = services["frontend"] ?? {};
  expect(others).toEqual({});
  expect(dependsOn).toEqual(["aurora-edge-proxy"]);
  expect(environment).toEqual({ BACKEND_URL: "http://aurora-edge-proxy:8080" });
  expect(aurora.services.frontend.environment).toContain("BACKEND_URL");
});

test("every service under `extends` exists in Aurora; every service under `depends_on` exists in Aurora or in this compose file", () => {
  for (const [name, service] of entries) {
    for (const other of service.depends_on ?? []) {
      expect([...ofAurora, ...Object.keys(services)], `${name} depends on ${other}`).toContain(other);
    }
    if (service.extends) expect(ofAurora).toContain(service.extends.service);
  }
});

test("services that run Aurora's code extend Aurora's worker from the file that AURORA_COMPOSE_FILE names", () => {
  const extending = entries.filter(([, service]) => service.extends).map(([name]) => name);
  expect(extending).toEqual(["aurora-edge-receiver", "aurora-edge-findings"]);
  for (const name of extending) {
    expect(services[name]?.extends?.service).toBe("celery_worker");
    expect(services[name]?.extends?.file).toMatch(/^\$\{AURORA_COMPOSE_FILE:-docker-compose\.yaml\}$/);
    expect(services[name]?.volumes).toEqual(["./aurora-edge:/edge:ro"]);
  }
});

test("the commands name files in aurora/, and gunicorn's number of threads equals WORKERS in receiver.py", () => {
  const command = services["aurora-edge-receiver"]?.command ?? "";
  expect(command).toContain("gunicorn receiver:app --pythonpath /edge");
  expect(services["aurora-edge-findings"]?.command).toBe("python /edge/findings.py");
  for (const file of ["receiver.py", "findings.py", "Caddyfile"])
    expect(existsSync(`${folder}${file}`)).toBe(true);
  expect(/--threads (\d+)/.exec(command)?.[1]).toBe(/^WORKERS = (\d+)$/m.exec(text("receiver.py"))?.[1]);
});

test("services get every variable that they read, and the proxy calls Aurora's server and the receiver at their ports", () => {
  const given = aurora.services.celery_worker.environment;
  for (const [name, script] of [
    ["aurora-edge-receiver", "receiver.py"],
    ["aurora-edge-findings", "findings.py"],
  ] as const) {
    const read = [...text(script).matchAll(/os\.environ(?:\.get\(|\[)"([A-Z_]+)"/g)].map(
      ([, variable]) => variable,
    );
    const known = [...given, ...Object.keys(services[name]?.environment ?? {})];
    expect(read.length).toBeGreaterThan(0);
    for (const variable of read) expect(known, `${script} reads ${variable}`).toContain(variable);
  }
  const proxy = services["aurora-edge-proxy"]?.environment ?? {};
  const placeholders = [...text("Caddyfile").matchAll(/\{\$([A-Z_]+)\}/g)].map(([, variable]) => variable);
  expect(new Set(placeholders)).toEqual(new Set(Object.keys(proxy)));
  expect(proxy["AURORA_SERVER"]).toBe(`aurora-server:${aurora.services["aurora-server"].port}`);
  expect(services["aurora-edge-receiver"]?.command).toContain(
    `--bind 0.0.0.0:${proxy["RECEIVER"]?.split(":")[1]}`,
  );
});

test("secrets and addresses come from Aurora's .env, and the start fails if a variable is missing", () => {
  for (const [name, variable] of [
    ["aurora-edge-receiver", "AURORA_EVENTS_SECRET"],
    ["aurora-edge-findings", "EDGE_URL"],
    ["aurora-edge-proxy", "EDGE_URL"],
    ["aurora-edge-tunnel", "TUNNEL_TOKEN"],
  ] as const) {
    expect(services[name]?.environment?.[variable]).toMatch(new RegExp(`^\\$\\{${variable}:\\?[^}]+\\}$`));
  }
});

test("images are pinned to a version", () => {
  const images = entries.flatMap(([, { image }]) => image ?? []);
  expect(images).toHaveLength(2);
  for (const image of images) expect(image).toMatch(/:\d+\.\d+\.\d+(-alpine)?$/);
});

test("aurora/README.md names Aurora's compose files, and every variable that the operator sets", () => {
  const readme = text("README.md");
  const variables = [...text("docker-compose.edge.yaml").matchAll(/\$\{([A-Z_]+):[?-]/g)].map(
    ([, name]) => name ?? "",
  );
  for (const name of [...variables.filter((variable) => variable !== "FLASK_PORT"), ...aurora.files]) {
    expect(readme, name).toContain(name);
  }
});
