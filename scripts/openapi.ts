/** `npm run openapi`: writes the document of GET /openapi.json from the schemas that validate requests and answers. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { openApiDocument } from "../src/contract/openapi.ts";
import { optionsOrExit } from "./terminal/options.ts";

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The absolute path of the document, which is one of the Worker's static files. */
export const OPENAPI_FILE = fileOf("../src/console/assets/openapi.json");

/** The document as text. */
export function openApiText(): string {
  const manifest: unknown = JSON.parse(readFileSync(fileOf("../package.json"), "utf8"));
  const { version } = z.object({ version: z.string() }).parse(manifest);
  return `${JSON.stringify(openApiDocument(version), null, 2)}\n`;
}

if (import.meta.main) {
  optionsOrExit("npm run openapi", {});
  writeFileSync(OPENAPI_FILE, openApiText());
  console.log("Wrote src/console/assets/openapi.json");
}
