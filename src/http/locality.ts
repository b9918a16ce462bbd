import { isLocalHost } from "../settings.ts";

/**
 * Decides whether a request comes from this machine, which `dev` admits without a secret. Pure.
 *
 * The URL is not enough: wrangler's local runtime takes URL and Host from the header MF-Original-URL, which any caller
 * can send. So headers that the caller cannot choose must agree: tunnels and proxies add headers of their own, and
 * browsers add Sec-Fetch-Site.
 */

/** Headers that Cloudflare's edge and other proxies add, and no program on this machine. */
const RELAYED = ["cf-ray", "cf-visitor", "cdn-loop", "forwarded", "mf-original-url"];
/** Headers that local proxies add as well: each address in them must be of this machine. */
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
 * A page whose host name was rebound to this machine (DNS rebinding) can send any header except Sec-Fetch-Site, which
 * browsers send only to trustworthy hosts: this machine, and https. WebSockets have an Origin.
 */
function isLocalPage(headers: Headers): boolean {
  if (headers.has("sec-fetch-site")) return true;
  const origin = headers.get("origin");
  if (origin !== null) return isLocalUrl(origin);
  return !/^Mozilla\//i.test(headers.get("user-agent") ?? "");
}

const isLocalUrl = (url: string) => URL.canParse(url) && isLocalHost(url);

/** Splits a header's list; empty if the header is absent. */
const entriesOf = (list: string | null): string[] =>
  list === null ? [] : list.split(",").map((entry) => entry.trim());
