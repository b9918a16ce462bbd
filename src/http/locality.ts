import { isLocalHost } from "../settings.ts";

/**
 * Decides whether a request comes from this machine. In `dev`, such a request needs no secret. Pure.
 *
 * The URL is no proof: wrangler's local runtime takes URL and Host from the header MF-Original-URL, which any caller
 * can send. Other headers are therefore checked, too. Tunnels and proxies add headers that a caller cannot remove.
 * Browsers add Sec-Fetch-Site, which a page cannot set.
 */

/** Headers that Cloudflare's edge and other proxies add, but that no program on this machine adds. */
const RELAYED = ["cf-ray", "cf-visitor", "cdn-loop", "forwarded", "mf-original-url"];
/** Headers that any proxy may add, even a proxy on this machine. Every address in them must be a loopback address. */
const RELAYED_FOR = ["cf-connecting-ip", "x-forwarded-for", "x-real-ip"];

const LOOPBACK = /^(?:(?:::ffff:)?127(?:\.\d{1,3}){3}|::1|\[::1\])$/i;

export function isLocal({ url, headers }: Pick<Request, "url" | "headers">): boolean {
  if (!isLocalHost(url)) return false;
  if (RELAYED.some((name) => headers.has(name))) return false;
  if (!RELAYED_FOR.every((name) => entriesOf(headers.get(name)).every((entry) => LOOPBACK.test(entry)))) {
    return false;
  }
  if (!entriesOf(headers.get("x-forwarded-host")).every((host) => isLocalUrl(`http://${host}`))) return false;
  if (!entriesOf(headers.get("x-forwarded-proto")).every((protocol) => protocol === "http")) return false;
  return isLocalPage(headers);
}

/**
 * Returns false if a page may have sent the request under a foreign host name that leads to this machine (DNS
 * rebinding). Browsers send Sec-Fetch-Site only over https or to a local name such as localhost, so this header rules
 * out a foreign name. Without Sec-Fetch-Site, the Origin must be local. Without an Origin, the caller must not be a
 * browser.
 */
function isLocalPage(headers: Headers): boolean {
  if (headers.has("sec-fetch-site")) return true;
  const origin = headers.get("origin");
  if (origin !== null) return isLocalUrl(origin);
  return !/^Mozilla\//i.test(headers.get("user-agent") ?? "");
}

const isLocalUrl = (url: string) => URL.canParse(url) && isLocalHost(url);

/** Splits a header at its commas. */
const entriesOf = (list: string | null): string[] =>
  list === null ? [] : list.split(",").map((entry) => entry.trim());
