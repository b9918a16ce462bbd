import { isLocalHost } from "../settings.ts";

/**
 * Decides whether a request comes from this machine. In `dev`, such a request needs no secret. Pure.
 *
 * A local URL does not prove this, because wrangler's local runtime takes URL and Host from the header MF-Original-URL.
 * Any caller can send this header. Other headers are therefore checked, too. Tunnels and proxies add headers that a
 * caller cannot remove. Browsers add Sec-Fetch-Site, which a page cannot set.
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
 * Returns false if a page of a foreign host name may have sent the request. Such a name can lead to this machine (DNS
 * rebinding). Browsers send Sec-Fetch-Site only over https or to a local name such as localhost. A request with this
 * header therefore did not use a foreign name. Without Sec-Fetch-Site, the Origin must be local. Without an Origin, the
 * caller must not be a browser.
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
