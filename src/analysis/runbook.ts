import { discard, readText, withDeadline } from "../limits.ts";
import { refusalOf } from "./public-address.ts";

export type Runbook =
  | { url: string; content: string; error: null }
  | { url: string; content: null; error: string };

const TIMEOUT_MS = 10_000;
const MAX_REDIRECTS = 3;
const MAX_BYTES = 256 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const TEXT = /^(text\/|application\/(json|xml|yaml|x-yaml|markdown|xhtml\+xml)\b)/i;

class Refused extends Error {}

/**
 * Fetches a public runbook as text. Checks each redirect's target like the first URL. Never throws.
 * @param address the value of the incident's `runbook_link` field, which may be any text
 */
export async function fetchRunbook(address: string): Promise<Runbook> {
  try {
    return {
      url: address,
      content: await withDeadline(TIMEOUT_MS, (signal) => fetchText(address, signal)),
      error: null,
    };
  } catch (error) {
    return { url: address, content: null, error: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Refused) return error.message;
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return `It did not answer within ${TIMEOUT_MS / 1000} s`;
  }
  return "It could not be reached";
}

async function fetchText(address: string, signal: AbortSignal): Promise<string> {
  let url = URL.parse(address);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    if (!url) throw new Refused("It is not a URL");
    const refusal = refusalOf(url);
    if (refusal) throw new Refused(hop === 0 ? `Refused: ${refusal}` : `Redirect refused: ${refusal}`);
    const response = await fetch(url, {
      redirect: "manual",
      signal,
      headers: {
        accept: "text/plain, text/markdown, text/html;q=0.9, text/*;q=0.8",
        "user-agent": "aurora-pagerduty-edge",
      },
    });
    if (!REDIRECTS.has(response.status)) return textOf(response);
    await discard(response);
    const location = response.headers.get("location");
    url = location === null ? null : URL.parse(location, url.href);
  }
  throw new Refused(`More than ${MAX_REDIRECTS} redirects`);
}

async function textOf(response: Response): Promise<string> {
  const type = response.headers.get("content-type") ?? "";
  if (response.status !== 200 || !TEXT.test(type)) {
    await discard(response);
    throw new Refused(response.status === 200 ? "It is not text" : `It answered ${response.status}`);
  }
  const text = (await readText(response, MAX_BYTES))?.trim();
  if (text === undefined) throw new Refused(`It is larger than ${MAX_BYTES / 1024} KiB`);
  if (text === "") throw new Refused("It is empty");
  return text;
}
