import { stripVTControlCharacters } from "node:util";

/**
 * What `wrangler dev` says of its tunnel, read from what it prints: it tells nobody in another way. Pure. The
 * lines are those of wrangler 4.164 (src/tunnel/dev.ts and workers-utils/src/tunnel.ts there).
 *
 * On the same output is what the Worker logs, and strangers' words are in that. A line of the Worker's begins
 * with an event's name or a brace, so only a whole line that is wrangler's own from its first character counts.
 */

const OPEN = /^\u2B23 Sharing via Cloudflare Tunnel:(?: (https:\/\/\S+))?$/;
/** The first host of several, each of which has a line below. */
const HOST = /^ {3}(https:\/\/\S+)$/;
const CLOSED = /^(?:\u2B23 Tunnel closed|Tunnel expired\. Closing tunnel\.)$/;
/** More than any of those lines, with its colours. */
const MAX_LINE_CHARS = 2_000;

/** Reads the output piece by piece, however it is cut. */
export class TunnelLines {
  /** The line that is not whole yet; null while its beginning is lost, because it is too long to be one of those. */
  #line: string | null = "";
  #hostFollows = false;

  /** @returns the tunnel's URL when it has just opened, null when it has just closed, undefined otherwise */
  read(chunk: string): string | null | undefined {
    let found: string | null | undefined;
    const [rest = "", ...begun] = chunk.split("\n");
    this.#extend(rest);
    for (const beginning of begun) {
      const said = this.#line === null ? undefined : this.#readLine(this.#line);
      if (said !== undefined) found = said;
      this.#line = "";
      this.#extend(beginning);
    }
    return found;
  }

  #extend(text: string): void {
    if (this.#line === null) return;
    this.#line = this.#line.length + text.length > MAX_LINE_CHARS ? null : this.#line + text;
  }

  #readLine(line: string): string | null | undefined {
    const plain = stripVTControlCharacters(line).replace(/\r$/, "");
    const opened = OPEN.exec(plain);
    const url = opened?.[1] ?? (this.#hostFollows ? HOST.exec(plain)?.[1] : undefined);
    this.#hostFollows = opened !== null && url === undefined;
    if (url !== undefined) return url.replace(/\/+$/, "");
    return CLOSED.test(plain) ? null : undefined;
  }
}
