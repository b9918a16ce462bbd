import * as z from "zod/mini";
import { $ZodError } from "zod/v4/core";
import { type Keyring, openText, SealError, sealText } from "./seal.ts";

/**
 * What a sign-in has to remember until PagerDuty sends the browser back, sealed into OAuth's `state`: nobody
 * outside can read, change or make one, and the Worker keeps nothing but its id.
 */
export const LoginState = z.object({
  /** The user's object remembers it until it is used. */
  id: z.string(),
  userId: z.string(),
  orgId: z.nullable(z.string()),
  /** PKCE. */
  verifier: z.string(),
  nonce: z.string(),
  /** As it was sent to PagerDuty; the exchange has to name the same one. */
  redirectUri: z.string(),
  /** What was asked for, separated by spaces. */
  scopes: z.string(),
  /** The cookie that the browser has to bring back; null where none could be set when it began. */
  binding: z.nullable(z.string()),
  /** Whether the webhook subscription is made as well. */
  subscribe: z.boolean(),
  /** Whether it began in the console, whose visitors need no permission from Aurora. */
  isVisitor: z.boolean(),
  /** Milliseconds since 1970. */
  expiresAtMs: z.number(),
});
export type LoginState = z.infer<typeof LoginState>;

/** Signing in takes a minute; a link that is found later is worthless. */
export const LOGIN_LIFE_MS = 10 * 60 * 1000;
/** In place of a user id, which has no space: a state opens as nothing else, and nothing else as a state. */
const PURPOSE = "oauth login";
/** Ours have less than 2,000. */
const MAX_STATE_CHARS = 4096;

export const sealLogin = (keyring: Keyring, login: LoginState): Promise<string> =>
  sealText(keyring, PURPOSE, JSON.stringify(login));

/** Null when it was not sealed here, or has expired. */
export async function openLogin(keyring: Keyring, state: string, nowMs: number): Promise<LoginState | null> {
  if (state.length > MAX_STATE_CHARS) return null;
  try {
    const login = LoginState.parse(JSON.parse(await openText(keyring, PURPOSE, state)));
    return nowMs < login.expiresAtMs ? login : null;
  } catch (error) {
    if (error instanceof SealError || error instanceof $ZodError || error instanceof SyntaxError) {
      return null;
    }
    throw error;
  }
}
