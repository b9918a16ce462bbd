import { stripVTControlCharacters } from "node:util";

/**
 * What `wrangler dev` says of its tunnel, read from what it prints: it tells nobody in another way. Pure. The
 * lines are those of wrangler 4.164 (src/tunnel/dev.ts and workers-utils/src/tunnel.ts there).
 */

const OPEN = /Sharing via Cloudflare Tunnel:\s*(https:\/\/[^\s]+)/g;
const CLOSED = /Tunnel closed|Tunnel expired\. Closing tunnel/g;
/** More than any of those lines with what can stand inside of it. */
const KEPT_CHARS = 2_000;

/** Reads the output piece by piece, however it is cut. */
export class TunnelLines {
  #text = "";

  /** @returns the tunnel's URL when it has just opened, null when it has just closed, undefined otherwise */
  read(chunk: string): string | null | undefined {
    this.#text = (this.#text + chunk).slice(-KEPT_CHARS);
    const plain = stripVTControlCharacters(this.#text);
    // The URL may still be coming: it is whole when something stands behind it.
    const opened = [...plain.matchAll(OPEN)].filter((match) => match.index + match[0].length < plain.length);
    const last = opened.at(-1);
    const closed = [...plain.matchAll(CLOSED)].at(-1);
    if (last === undefined && closed === undefined) return undefined;
    this.#text = "";
    if (closed !== undefined && closed.index > (last?.index ?? -1)) return null;
    return last?.[1]?.replace(/\/+$/, "");
  }
}
