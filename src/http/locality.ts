import { isLocalHost } from "../settings.ts";

/**
 * Whether a request comes from this very machine, for the doors that stand open in `dev`. Pure.
 *
 * The URL alone does not say it: wrangler's local runtime takes URL and Host from the header MF-Original-URL,
 * which anyone may send. So nothing else may contradict it either. Whatever brings a stranger here says so: a
 * tunnel or a proxy in its own headers, which it does not let the stranger choose, and a browser in Sec-Fetch-Site.
 */

/** Added by Cloudflare's edge and by proxies; nothing on this machine sends them. */
const RELAYED = ["cf-ray", "cf-visitor", "cdn-loop", "forwarded", "mf-original-url"];
/** Added by proxies, those of this machine included: each address in them must be of this machine. */
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
 * A browser that was led here under a stranger's name (DNS rebinding) sends whatever headers that page chooses,
 * but no Sec-Fetch-Site, which is for hosts it trusts: those of this machine, and https. WebSockets have an Origin.
 */
function isLocalPage(headers: Headers): boolean {
  if (headers.has("sec-fetch-site")) return true;
  const origin = headers.get("origin");
  if (origin !== null) return isLocalUrl(origin);
  return !/^Mozilla\//i.test(headers.get("user-agent") ?? "");
}

const isLocalUrl = (url: string) => URL.canParse(url) && isLocalHost(url);

/** Those of a list; none where the header is absent. */
const entriesOf = (list: string | null): string[] =>
  list === null ? [] : list.split(",").map((entry) => entry.trim());
