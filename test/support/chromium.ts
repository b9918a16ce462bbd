import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type BrowserServer, chromium, type LaunchOptions } from "playwright-core";
import type { TestProject } from "vitest/node";

/** Starts one Chromium for the whole test run. Every test file connects to this Chromium. */

const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const DEBIAN_CHROMIUM = "/usr/bin/chromium";
/** Prefers the package's fonts to the system's, because the package's fonts look the same on every machine. */
const FONTS = '<fontconfig><dir prefix="relative">fonts/fonts</dir><dir>/usr/share/fonts</dir></fontconfig>';
const HOW_TO_GET_ONE = "Install Chrome, or set CHROMIUM to the path of a Chromium.";

/** Provides `chromium`: the address of the browser, or null if no Chromium starts. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await launch();
  project.provide("chromium", server?.wsEndpoint() ?? null);
  return async () => {
    if (server) await server.close();
    else console.warn("\nThe browser tests were skipped, because no Chromium starts here.", HOW_TO_GET_ONE);
  };
}

/** Starts a Chromium. Returns null if no Chromium starts. If CI or CHROMIUM is set, throws instead. */
export async function launch(): Promise<BrowserServer | null> {
  const failures: unknown[] = [];
  for (const optionsOf of candidates()) {
    try {
      return await chromium.launchServer({ ...optionsOf(), args: ARGS });
    } catch (error) {
      failures.push(error);
    }
  }
  if (process.env["CI"] || process.env["CHROMIUM"]) {
    throw new AggregateError(failures, `No Chromium starts here. ${HOW_TO_GET_ONE}`);
  }
  return null;
}

function candidates(): (() => LaunchOptions)[] {
  const named = process.env["CHROMIUM"];
  if (named) return [() => ({ executablePath: named })];
  const installed = [() => ({ channel: "chrome" }), () => ({ executablePath: DEBIAN_CHROMIUM })];
  return process.platform === "linux" && process.arch === "x64" ? [packaged, ...installed] : installed;
}

/** The Chromium in `@sparticuz/chromium`, with the libraries and fonts that a minimal system lacks. */
function packaged(): LaunchOptions {
  const folder = unpacked();
  return {
    executablePath: join(folder, "chromium"),
    env: {
      ...process.env,
      LD_LIBRARY_PATH: join(folder, "al2023/lib"),
      FONTCONFIG_FILE: join(folder, "fonts.conf"),
    },
  };
}

function unpacked(): string {
  const packageFolder = join(dirname(createRequire(import.meta.url).resolve("@sparticuz/chromium")), "..");
  const folder = join(packageFolder, "unpacked");
  if (existsSync(folder)) return folder;
  const unfinished = mkdtempSync(`${folder}-`);
  try {
    const archives = ["chromium.br", "fonts.tar.br", "al2023.tar.br"].map((name) =>
      join(packageFolder, "bin", name),
    );
    const script = `import { inflate } from "@sparticuz/chromium";
      for (const archive of ${JSON.stringify(archives)}) await inflate(archive);`;
    // The package unpacks into the temporary folder of the process. A separate process can have a TMPDIR of its own.
    execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
      env: { ...process.env, TMPDIR: unfinished },
    });
    writeFileSync(join(unfinished, "fonts.conf"), FONTS);
    renameSync(unfinished, folder);
  } catch (error) {
    // Another run may have unpacked the browser first.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
