import * as z from "zod/mini";
import { $ZodError } from "zod/v4/core";
import { type Keyring, openText, SealError, sealText } from "./seal.ts";

/** The data that the OAuth callback needs, sealed in OAuth's `state`. Only the Worker has the keys. */
export const LoginState = z.lazy(() =>
  z.object({
    /** The only member that the tenant's object stores, until the sign-in is finished. */
    id: z.string(),
    userId: z.string(),
    orgId: z.nullable(z.string()),
    /** The PKCE code verifier. */
    verifier: z.string(),
    nonce: z.string(),
    /** The start of the sign-in and the exchange of the code have to send PagerDuty the same URI. */
    redirectUri: z.string(),
    /** The requested scopes, separated by spaces. */
    scopes: z.string(),
    /** The cookie that the browser has to send; null if the sign-in is not bound to a browser. */
    binding: z.nullable(z.string()),
    /** Whether the sign-in also creates the webhook subscription. */
    subscribe: z.boolean(),
    /** Whether the sign-in started in the console, whose visitors need no permission from Aurora. */
    isVisitor: z.boolean(),
    /** Milliseconds since 1970. */
    expiresAtMs: z.number(),
  }),
);
export type LoginState = z.infer<typeof LoginState>;

/** Long enough for a sign-in, which takes about a minute. After this time a stolen `state` no longer works. */
export const LOGIN_LIFE_MS = 10 * 60 * 1000;
/** Connections are sealed for a tenant id, which contains no space. So no sealed connection opens as a `state`. */
const PURPOSE = "oauth login";
/** A genuine state has fewer than 2,000 characters. */
const MAX_STATE_CHARS = 4096;

export const sealLogin = (keyring: Keyring, login: LoginState): Promise<string> =>
  sealText(keyring, PURPOSE, JSON.stringify(login));

/** Returns null if the state was not sealed with our keys, or has expired. */
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
