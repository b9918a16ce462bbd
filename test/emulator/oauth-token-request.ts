import { createHash } from "node:crypto";
import * as z from "zod";
import type { Call } from "./listener.ts";

const TokenRequest = z.discriminatedUnion("grant_type", [
  z.object({
    grant_type: z.literal("authorization_code"),
    code: z.string(),
    redirect_uri: z.string(),
    code_verifier: z.string().optional(),
  }),
  z.object({ grant_type: z.literal("refresh_token"), refresh_token: z.string() }),
]);
export type TokenRequest = z.infer<typeof TokenRequest>;

interface ClientSecret {
  readonly clientId: string;
  readonly clientSecret: string;
}

const GrantType = z.looseObject({ grant_type: z.string() });
const KNOWN_GRANT_TYPES = ["authorization_code", "refresh_token"];

/** Reads the form of `POST /oauth/token`. */
export function parseTokenRequest(
  call: Call,
): { ok: true; request: TokenRequest; client: ClientSecret | null } | { ok: false; error: string } {
  if (!call.headers["content-type"]?.startsWith("application/x-www-form-urlencoded")) {
    return { ok: false, error: "invalid_request" };
  }
  const form = new URLSearchParams(call.body);
  const fields = Object.fromEntries(form);
  const grantType = GrantType.safeParse(fields);
  if (grantType.success && !KNOWN_GRANT_TYPES.includes(grantType.data.grant_type)) {
    return { ok: false, error: "unsupported_grant_type" };
  }
  const request = TokenRequest.safeParse(fields);
  if (!request.success) return { ok: false, error: "invalid_request" };
  return { ok: true, request: request.data, client: clientSecretOf(call, form) };
}

/** Reads the client's secret from `client_secret_basic` or `client_secret_post`. */
function clientSecretOf(call: Call, form: URLSearchParams): ClientSecret | null {
  const basic = /^Basic (.+)$/.exec(call.headers.authorization ?? "")?.[1];
  if (basic !== undefined) {
    const [id = "", secret = ""] = Buffer.from(basic, "base64").toString().split(":");
    return { clientId: formDecode(id), clientSecret: formDecode(secret) };
  }
  const [clientId, clientSecret] = [form.get("client_id"), form.get("client_secret")];
  return clientId === null || clientSecret === null ? null : { clientId, clientSecret };
}

/** OAuth form-encodes id and secret before Basic authentication encodes them in base64 (RFC 6749, 2.3.1). */
function formDecode(text: string): string {
  return new URLSearchParams(`value=${text}`).get("value") ?? "";
}

/** Returns true if the challenge was made from this verifier (RFC 7636, S256). */
export function verifyPkce(challenge: string | null, verifier: string | undefined): boolean {
  if (challenge === null) return verifier === undefined;
  return verifier !== undefined && createHash("sha256").update(verifier).digest("base64url") === challenge;
}
