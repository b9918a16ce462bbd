import type { Config } from "../config.ts";
import type { AuroraAnswer } from "./answer.ts";
import { type AuroraTarget, auroraTarget, callAurora } from "./calls.ts";

/** Calls Aurora's API at `{AURORA_BACKEND_URL}/pagerduty`, as Aurora's UI server does. */

/** The user and organisation on whose behalf Aurora is called. */
export interface Member {
  userId: string;
  orgId: string | null;
}

export interface BackendCall {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  body?: Readonly<Record<string, string>>;
  timeoutMs: number;
}

export class AuroraBackend {
  readonly #url: string;
  readonly #target: AuroraTarget;
  readonly #internalSecret: string | null;

  private constructor(url: string, target: AuroraTarget, internalSecret: string | null) {
    this.#url = `${url}/pagerduty`;
    this.#target = target;
    this.#internalSecret = internalSecret;
  }

  /** Returns null if AURORA_BACKEND_URL is not set. */
  static of(
    env: object,
    config: Pick<Config, "aurora" | "internalApiSecret" | "events">,
  ): AuroraBackend | null {
    const { backendUrl } = config.aurora;
    if (backendUrl === null) return null;
    return new AuroraBackend(backendUrl, auroraTarget(env, config), config.internalApiSecret);
  }

  async call({ userId, orgId }: Member, { method, body, timeoutMs }: BackendCall): Promise<AuroraAnswer> {
    const secret = this.#internalSecret;
    return callAurora(this.#target, {
      method,
      url: this.#url,
      headers: {
        ...(body ? { "content-type": "application/json" } : {}),
        ...(secret === null ? {} : { "x-internal-secret": secret }),
        "x-user-id": userId,
        ...(orgId === null ? {} : { "x-org-id": orgId }),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      timeoutMs,
      readsSuccess: true,
      secrets: [body?.["token"] ?? ""],
    });
  }
}
