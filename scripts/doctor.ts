/**
 * `npm run doctor`: checks a setup from Node to PagerDuty's last event, and says what to correct. Exits with 1 if there
 * is a problem. Changes nothing, and shows no secret.
 */
import { fileURLToPath } from "node:url";
import { isLocalHost } from "../src/settings.ts";
import { type Project, readProject } from "./cloudflare/project.ts";
import { examineAurora } from "./doctor/aurora-examination.ts";
import { examine } from "./doctor/examination.ts";
import { type Finding, printed, summary } from "./doctor/finding.ts";
import { checkConfiguration, checkNode, deployedConfig, localConfig, secretOf } from "./doctor/setup.ts";
import { readDevVars } from "./settings/local-settings.ts";
import { CommandError, runCommand } from "./terminal/command.ts";
import { parseOptions } from "./terminal/options.ts";

const HELP = `npm run doctor [-- options]
  --user ID    also checks this user's connection, subscription and last events
  --org ID     the user's organisation, whose connection is checked instead of the user's own
  --url URL    checks the Worker at this address. On this machine, as on another port, the settings are
               those in .dev.vars. Elsewhere they are those in wrangler.toml; INTERNAL_API_SECRET from
               the environment is sent to it and to Aurora, when the address is https, and
               AURORA_HEADERS to Aurora`;

const root = fileURLToPath(new URL("..", import.meta.url));

async function findings(
  project: Project,
  user: string | null,
  org: string | null,
  givenUrl: string | null,
): Promise<Finding[]> {
  // A Worker on another port of this machine is local, too, because it also reads .dev.vars.
  const isLocal = givenUrl === null || (URL.canParse(givenUrl) && isLocalHost(givenUrl));
  const devVars = readDevVars(root);
  const local = isLocal ? checkConfiguration(project, devVars) : [];
  const variables = Object.assign({}, ...devVars.map((source) => source.variables));
  const running = await examine({
    url: (givenUrl ?? `http://localhost:${project.localPort}`).replace(/\/+$/, ""),
    user,
    org,
    secret: secretOf(process.env, variables, !isLocal),
    localFaults: isLocal ? local.filter(({ level }) => level === "problem").length : null,
  });
  const config = isLocal ? localConfig(project, devVars) : deployedConfig(project, process.env);
  const aurora = config === null ? [] : await examineAurora(config, project.bindsAurora, running.target);
  return [checkNode(process.versions.node), ...local, ...aurora, ...running.findings];
}

async function doctor(): Promise<boolean> {
  const values = parseOptions("npm run doctor", {
    user: { type: "string" },
    org: { type: "string" },
    url: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  });
  if (values.help) {
    console.log(HELP);
    return true;
  }
  const { user = null, org = null, url = null } = values;
  if (org !== null && user === null)
    throw new CommandError("--org needs --user: a user of the organisation.");
  const all = await findings(readProject(""), user, org, url);
  const hasColours = process.stdout.isTTY === true && process.stdout.hasColors();
  for (const finding of all) console.log(printed(finding, hasColours));
  console.log(`\n${summary(all)}`);
  if (user === null) console.log("To check a user's connection as well: npm run doctor -- --user ID");
  return all.every(({ level }) => level !== "problem");
}

await runCommand(doctor);
