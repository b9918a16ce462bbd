import type { Json } from "../prompt/jsonb.ts";
import { noAttribute } from "./python.ts";

/** Does what Aurora's `fetch_runbook_content` does (server/routes/pagerduty/runbook_utils.py). */

const TIMEOUT_MS = 10_000;

/**
 * Returns null if Aurora continues without the runbook. Confluence pages are never read: Aurora reads such
 * a page on behalf of a user, and its PagerDuty task names no user.
 * @throws {PythonError} if the link is not a text, for example a list of links
 */
export async function fetchRunbook(url: Json): Promise<string | null> {
  if (typeof url !== "string") throw noAttribute(url, "decode");
  if (!/^https?:\/\//.test(url) || !URL.canParse(url) || isConfluencePage(new URL(url))) return null;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const type = response.headers.get("content-type")?.toLowerCase() ?? "";
    const body = Buffer.from(await response.arrayBuffer());
    if (response.status !== 200 || !type.includes("text/")) return null;
    const text = decode(body, type).trim();
    return text === "" ? null : text;
  } catch {
    return null;
  }
}

function isConfluencePage(url: URL): boolean {
  const isConfluence = url.hostname.endsWith(".atlassian.net") || url.hostname.includes("confluence");
  return isConfluence && (url.searchParams.has("pageId") || /\/pages\/[^/]/.test(url.pathname));
}

/** Python's `requests` reads text without a charset as ISO-8859-1. */
function decode(body: Buffer, contentType: string): string {
  const charset = /charset=["']?([^\s"';]+)/.exec(contentType)?.[1];
  return charset === undefined ? body.toString("latin1") : new TextDecoder(charset).decode(body);
}
