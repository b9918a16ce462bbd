/**
 * `npm run doctor`: looks at a setup from Node to PagerDuty's last event, and says what to mend. Exits with 1
 * when something keeps events from flowing. It changes nothing, and shows no secret.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs, parseEnv } from "node:util";
import { readProject } from "./cloudflare/project.ts";
import { examine } from "./doctor/examination.ts";
import { type Finding, printed, warning } from "./doctor/finding.ts";
import { checkConfiguration, checkNode, secretOf } from "./doctor/setup.ts";

const HELP = `npm run doctor [-- options]
  --user ID    also looks at this user's connection, subscription and last events
  --url URL    a deployed Worker in place of the local one; INTERNAL_API_SECRET in the environment is sent to
               it, when that is https or on this machine`;

const LOCAL_URL = "http://localhost:5080";

const { values } = parseArgs({
  options: { user: { type: "string" }, url: { type: "string" }, help: { type: "boolean", default: false } },
});

const path = fileURLToPath(new URL("../.dev.vars", import.meta.url));

async function findings(): Promise<Finding[]> {
  const devVars = existsSync(path) ? parseEnv(readFileSync(path, "utf8")) : {};
  const all: Finding[] = [checkNode(process.versions.node)];
  if (values.url === undefined) {
    if (!existsSync(path)) {
      all.push(warning("There is no .dev.vars", "The Worker has no keys.", "npm run dev makes one."));
    }
    const { vars, bindsAurora } = readProject("");
    all.push(...checkConfiguration({ ...vars, ...(bindsAurora ? { AURORA: {} } : {}), ...devVars }));
  }
  const secret = secretOf(process.env, devVars, values.url !== undefined);
  const url = (values.url ?? LOCAL_URL).replace(/\/+$/, "");
  all.push(...(await examine({ url, user: values.user ?? null, secret })));
  return all;
}

if (values.help) console.log(HELP);
else {
  const all = await findings();
  for (const finding of all) console.log(printed(finding));
  const problems = all.filter(({ level }) => level === "problem").length;
  const count = problems === 1 ? "1 problem" : `${problems} problems`;
  console.log(problems === 0 ? "\nNothing keeps events from flowing." : `\n${count} to mend.`);
  if (values.user === undefined) console.log("With -- --user ID a user's connection is looked at, too.");
  if (problems > 0) process.exitCode = 1;
}
