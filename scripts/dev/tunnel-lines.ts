import { stripVTControlCharacters } from "node:util";

/**
 * Reads from the output of `wrangler dev` whether the tunnel is open, because wrangler reports it nowhere else. Pure.
 * The lines are those of wrangler 4.164 (its src/tunnel/dev.ts and workers-utils/src/tunnel.ts).
 *
 * The Worker's log is in the same output, and can contain text from strangers. Each pattern therefore matches only a
 * whole line. Lines of the log never match, because they begin with an event's name or a brace.
 */

const OPEN = /^\u2B23 Sharing via Cloudflare Tunnel:(?: (https:\/\/\S+))?$/;
/** A host of a named tunnel. If the tunnel has several hosts, the first line counts. */
const HOST = /^ {3}(https:\/\/\S+)$/;
const CLOSED = /^(?:\u2B23 Tunnel closed|Tunnel expired\. Closing tunnel\.)$/;
/** A line longer than this is ignored, because lines about the tunnel are shorter, even with colours. */
const MAX_LINE_CHARS = 2_000;

/** Reads the output in chunks, which may end anywhere in a line. */
export class TunnelLines {
  /** The incomplete last line; null if it is longer than MAX_LINE_CHARS. */
  #line: string | null = "";
  #hostFollows = false;

  /** @returns the tunnel's URL if it has just opened, null if it has just closed, else undefined */
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
