import fc from "fast-check";
import { type Config, ConfigError, parseConfig, settingNames } from "../../src/config.ts";
import { isLocal } from "../../src/http/locality.ts";
import { CALLER_ID } from "../../src/tenant-id.ts";
import { nastyText } from "./hostile.ts";
import type { Property } from "./property.ts";

/** Fuzzes the settings, and the headers that show whether a call comes from this machine. */

/** Some hostile values contain this text, so an error message must not contain it. */
const MARK = "VALUE0OF0A0SETTING";

const VALID: Record<string, string> = {
  INTERNAL_API_SECRET: "internal",
  CREDENTIALS_KEYS: `k1:${Buffer.alloc(32, 7).toString("base64")}`,
};
const RESERVED =
  /^(host|connection|transfer-encoding|x-internal-secret|x-user-id|x-org-id|x-aurora-edge|x-webhook-id|x-pagerduty-signature|webhook-(id|timestamp|signature)|content-.*)$/;

const value = fc.oneof(
  nastyText,
  fc.tuple(nastyText, nastyText).map(([before, after]) => `${before}${MARK}${after}`),
  fc.constantFrom(
    "true",
    "0",
    "1e3",
    "-5",
    "0.0000001",
    "99999999999",
    "NaN",
    "0,,5",
    "https://u:p@x",
    "//x",
    "v3",
  ),
  fc.tuple(fc.constantFrom("http://", "https://", "whsec_", "k2:"), nastyText).map((parts) => parts.join("")),
);
const variables = fc.dictionary(fc.constantFrom(...settingNames()), value, { maxKeys: 6 });

const headerName = fc.oneof(
  fc.constantFrom(
    "CF-Access-Client-Id",
    "X-User-ID",
    "content-length",
    "Host",
    "x-aurora-edge",
    "__proto__",
    "a b",
  ),
  nastyText,
);
const headerLines = fc
  .array(fc.tuple(headerName, fc.constantFrom(":", ": ", "", " :\t"), nastyText), { maxLength: 5 })
  .map((lines) => lines.map(([name, colon, text]) => `${name}${colon}${text}${MARK}`).join("\n"));

function isUsable(config: Config): boolean {
  const { runbookWaitMs, contextWaitMs, retentionMs, reconcileEveryMs, deliverySchedule, aurora } = config;
  const waits = [runbookWaitMs, contextWaitMs, retentionMs, reconcileEveryMs, ...deliverySchedule];
  const urls = [
    config.frontendUrl,
    config.publicUrl,
    config.events?.url,
    aurora.backendUrl,
    config.pagerdutyApiUrl,
  ];
  new Headers(aurora.headers);
  return (
    waits.every((wait) => Number.isFinite(wait) && wait >= 0) &&
    deliverySchedule.length > 0 &&
    urls.every((url) => url == null || URL.canParse(url)) &&
    CALLER_ID.test(config.consoleUser) &&
    Object.keys(aurora.headers).every((name) => !RESERVED.test(name))
  );
}

/** Returns true if the settings are usable, or if the error names the wrong setting without showing any value. */
function readsSettings(given: Record<string, string>): boolean {
  try {
    return isUsable(parseConfig({ ...VALID, ...given }));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const known = error.problems.every(({ name }) => settingNames().includes(name));
    return (
      known && error.problems.length > 0 && !error.message.includes(MARK) && error.message.length < 10_000
    );
  }
}

const ascii = nastyText.filter((text) => /^[\x20-\x7e]*$/.test(text));
const relayed = fc.dictionary(
  fc.constantFrom(
    "cf-connecting-ip",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "forwarded",
    "cf-ray",
  ),
  fc.oneof(
    ascii,
    fc.constantFrom("127.0.0.1", "::1", "203.0.113.9", "127.0.0.1, 203.0.113.9", "localhost", "https"),
  ),
);

/** A call with another machine's address in `x-real-ip` never counts as a call from this machine. */
function staysRemote(given: Record<string, string>, url: string): boolean {
  const headers = new Headers({ ...given, "x-real-ip": "203.0.113.9" });
  return !isLocal({ url, headers });
}

export function settingProperties(): Property[] {
  return [
    { name: "settings", weight: 3, property: fc.property(variables, readsSettings) },
    {
      name: "AURORA_HEADERS",
      weight: 2,
      property: fc.property(headerLines, (AURORA_HEADERS) => readsSettings({ AURORA_HEADERS })),
    },
    {
      name: "headers of relayed calls",
      weight: 1,
      property: fc.property(
        relayed,
        fc.constantFrom("http://localhost:8787/pagerduty", "http://127.0.0.1/", "http://[::1]/"),
        staysRemote,
      ),
    },
  ];
}
