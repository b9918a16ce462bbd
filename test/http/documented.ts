import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Reply } from "../support/worker.ts";

/** Reads the OpenAPI document, and records examples for the document. */

export function at(value: unknown, ...path: string[]): Record<string, unknown> {
  return asObject(path.reduce((inner, name) => asObject(inner)[name], value));
}

export function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw new Error(`Not an object: ${JSON.stringify(value)}`);
  return { ...value };
}

interface Documented {
  schema: Record<string, unknown>;
  example: unknown;
}

/** Finds the examples below `node`, and returns each example together with its schema. */
export function examplesIn(node: unknown): Documented[] {
  if (typeof node !== "object" || node === null) return [];
  const own =
    "example" in node && "schema" in node ? [{ schema: asObject(node.schema), example: node.example }] : [];
  return [...own, ...Object.values(node).flatMap(examplesIn)];
}

/** Returns every operation of `paths` and `webhooks`, with a name such as `get /pagerduty`. */
export function operationsIn(
  document: Record<string, unknown>,
): (readonly [string, Record<string, unknown>])[] {
  const groups = [...Object.entries(at(document, "paths")), ...Object.entries(at(document, "webhooks"))];
  return groups.flatMap(([path, methods]) =>
    Object.entries(asObject(methods)).map(
      ([method, operation]) => [`${method} ${path}`, asObject(operation)] as const,
    ),
  );
}

/** Returns the tags, operations, answers, parameters and properties that lack a description. */
export function undescribed(document: Record<string, unknown>): string[] {
  const tags = Object.values(at(document, "tags")).map((tag) => asObject(tag));
  const operations = operationsIn(document);
  return [
    ...tags.filter(({ description }) => !description).map(({ name }) => `tag ${String(name)}`),
    ...operations.filter(([, { description }]) => !description).map(([name]) => name),
    ...operations.flatMap(([name, { responses }]) =>
      Object.entries(asObject(responses))
        .filter(([, answer]) => !asObject(answer)["$ref"] && !asObject(answer)["description"])
        .map(([status]) => `${name} ${status}`),
    ),
    ...operations.flatMap(([name, { parameters }]) =>
      Object.values(asObject(parameters ?? []))
        .map(asObject)
        .filter(({ $ref, description }) => !$ref && !description)
        .map((parameter) => `${name} ${String(parameter["name"])}`),
    ),
    ...propertiesIn(document, ""),
  ];
}

function propertiesIn(node: unknown, path: string): string[] {
  if (typeof node !== "object" || node === null) return [];
  const { properties } = asObject(node);
  const own =
    typeof properties === "object" && properties !== null
      ? Object.entries(properties)
          .filter(([, property]) => !asObject(property)["description"])
          .map(([name]) => `${path}.${name}`)
      : [];
  return [
    ...own,
    ...Object.entries(node).flatMap(([name, inside]) => propertiesIn(inside, `${path}/${name}`)),
  ];
}

const FILE = fileURLToPath(new URL("../../src/contract/examples.json", import.meta.url));
const MAX_ITEMS = 2;
/** The examples show these values instead of the test's token and secret. */
const SHOWN: Readonly<Record<string, string>> = { token: "u+EXAMPLE", secret: "whsec-example" };

const exampleOf = (name: string, value: unknown) =>
  Array.isArray(value) ? value.slice(0, MAX_ITEMS) : (SHOWN[name] ?? value);

/** Records calls, answers and the bodies sent to Aurora, as examples for the API reference. */
export class ExampleRecorder {
  readonly #examples: Record<string, { body?: unknown; answers: Record<string, unknown> }> = {};

  /**
   * Keeps the newest answer of each status for `call`. If `isOwn` is false, the answer is an error that several calls
   * share. Such an error is kept only if it is the first with its status.
   */
  note(call: string, body: unknown, { status, body: answer }: Reply, isOwn = status < 300): void {
    const isJson = typeof answer === "object" && answer !== null;
    // The OpenAPI document does not contain itself as an example.
    if (!isJson || call === "get /openapi.json") return;
    if (!isOwn) {
      this.#examples[`error${status}`] ??= { answers: { [status]: answer } };
      return;
    }
    const before = this.#examples[call];
    this.#examples[call] = {
      ...(body === undefined ? (before?.body === undefined ? {} : { body: before.body }) : { body }),
      answers: { ...before?.answers, [status]: answer },
    };
  }

  noteSent(name: string, body: unknown): void {
    this.#examples[name] ??= { body, answers: {} };
  }

  /** @param names pairs: a text from the test, and its replacement in the examples */
  save(names: readonly (readonly [string, string])[]): void {
    if (!process.env["EXAMPLES"]) return;
    const text = names.reduce(
      (all, [real, shown]) => all.replaceAll(real, shown),
      JSON.stringify(this.#examples, exampleOf, 2),
    );
    writeFileSync(FILE, `${text}\n`);
  }
}
