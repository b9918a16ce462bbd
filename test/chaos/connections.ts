/** Cloudflare's limit of open connections: for one object, or for one invocation outside of objects. */
const MAX_CONNECTIONS = 6;

/** Simulates Cloudflare's limit of open connections: a call beyond the limit waits until another call is answered. */
export class Connections {
  readonly #onWait: () => void;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param held the number of connections that are never free @param onWait called for each call that has to wait */
  constructor(held: number, onWait: () => void) {
    this.#free = MAX_CONNECTIONS - held;
    this.#onWait = onWait;
  }

  /** Makes a call as soon as a connection is free. @throws if `signal` is aborted before the call starts */
  async use<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else {
      this.#onWait();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      signal?.throwIfAborted();
      return await call();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
