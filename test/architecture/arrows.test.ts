import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { forbiddenImports, importCycles, readImports, roomOf } from "./imports.ts";

const SRC = join(import.meta.dirname, "../../src");

/** Files directly in src that most rooms (the folders of src) may import. */
const SHARED = ["config", "errors", "limits", "log", "metrics", "retry-timing", "settings", "tenant-id"];
const GROUND = [...SHARED, "incidents"];
const STORES = [...GROUND, "storage", "pagerduty"];
const CREDENTIALS = [...STORES, "connection", "aurora"];
const WORK = [...CREDENTIALS, "webhooks", "reconcile", "analysis", "delivery", "notes"];

/** The allowed imports of each room, and of each file directly in `src`. */
const ARROWS: Record<string, readonly string[]> = {
  index: ["http", "queue", "tenant"],
  client: ["http", "contract"],
  http: [...CREDENTIALS, "contract", "console", "queue", "tenant", "webhooks"],
  queue: [...SHARED, "tenant", "webhooks"],
  tenant: [...WORK, "contract"],
  webhooks: CREDENTIALS,
  reconcile: CREDENTIALS,
  analysis: CREDENTIALS,
  delivery: CREDENTIALS,
  notes: CREDENTIALS,
  connection: STORES,
  aurora: [...STORES, "connection"],
  storage: GROUND,
  pagerduty: [...SHARED, "incidents", "jwks"],
  contract: ["errors", "incidents", "pagerduty"],
  console: ["contract", "jwks"],
  incidents: [],
  errors: [],
  log: [],
  metrics: ["log"],
  limits: [],
  jwks: ["limits"],
  "retry-timing": [],
  "tenant-id": [],
  config: ["settings", "aurora-settings"],
  "aurora-settings": ["settings"],
  settings: ["tenant-id"],
};

const imports = readImports(SRC);

test("every import between rooms is listed in ARROWS", () => {
  expect(forbiddenImports(imports, ARROWS)).toEqual([]);
});

test("no imports form a cycle, not even imports of types", () => {
  expect(importCycles(imports)).toEqual([]);
});

test("every room, and every file directly in src, has a line in ARROWS", () => {
  const rooms = new Set([...imports.keys()].map(roomOf));
  expect([...rooms].filter((room) => !(room in ARROWS))).toEqual([]);
});

test("an import that ARROWS does not allow is reported", () => {
  const against = new Map([...imports, ["incidents/fold.ts", ["tenant/object.ts"]]]);
  expect(forbiddenImports(against, ARROWS)).toEqual(["incidents/fold.ts → tenant/object.ts"]);
});

test("a cycle of three files is reported three times, starting at each file once", () => {
  const cycle: [string, string[]][] = [
    ["a.ts", ["b.ts"]],
    ["b.ts", ["c.ts"]],
    ["c.ts", ["a.ts"]],
    ["d.ts", ["a.ts"]],
  ];
  expect(importCycles(new Map(cycle))).toEqual([
    "a.ts → b.ts → c.ts → a.ts",
    "b.ts → c.ts → a.ts → b.ts",
    "c.ts → a.ts → b.ts → c.ts",
  ]);
});

/** Longer files are hard to read in one sitting. */
const MAX_LINES = 300;
/** Larger folders mix several topics. */
const MAX_FILES = 16;

test("no source file is longer than 300 lines", () => {
  const long = globSync("**/*.{ts,tsx,js,css}", { cwd: SRC }).filter(
    (file) => readFileSync(join(SRC, file), "utf8").trimEnd().split("\n").length > MAX_LINES,
  );
  expect(long).toEqual([]);
});

test("no folder of the source has more than 16 files", () => {
  const folders = Map.groupBy(globSync("**/*.*", { cwd: SRC }), (file) =>
    file.split("/").slice(0, -1).join("/"),
  );
  const large = [...folders].filter(([folder, files]) => folder !== "" && files.length > MAX_FILES);
  expect(large.map(([folder]) => folder)).toEqual([]);
});
