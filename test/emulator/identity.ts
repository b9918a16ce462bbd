import type { Account, OAuthClient } from "./account.ts";
import type { Grant } from "./credential.ts";
import type { Faults } from "./faults.ts";
import { IdTokenSigner } from "./id-token.ts";
import { secretToken } from "./identifier.ts";
import { type Call, jsonReply, type Reply, textReply } from "./listener.ts";
import { type Authorization, authorize, callbackUrl } from "./oauth-authorization.ts";
import { parseTokenRequest, type TokenRequest, verifyPkce } from "./oauth-token-request.ts";
import type { Region } from "./reference.ts";

const CODE_LIFE_MS = 30_000;
const ISSUER_PATH = "/global/oauth/anonymous";
const TOKEN_PREFIXES: Record<Region, string> = { us: "pdus+_0", eu: "pdeu+_0" };
/** PagerDuty documents only the US value of the `region` claim. The EU value is assumed. */
const REGION_CLAIMS: Record<Region, string> = { us: "UnitedStates", eu: "Europe" };

interface Code {
  readonly authorization: Authorization;
  readonly account: Account;
  readonly expiresAtMs: number;
}

interface Consent {
  readonly grant: Grant;
  readonly account: Account;
}

interface IdentityOptions {
  readonly url: string;
  readonly apiUrls: Record<Region, string>;
  readonly accounts: readonly Account[];
  readonly faults: Faults;
  /** The account whose user consents; null means the account that registered the app. */
  readonly signedInAs: () => Account | null;
}

/** The identity server: OAuth 2.0 with PKCE, rotating refresh tokens and signed ID tokens. */
export class Identity {
  readonly #options: IdentityOptions;
  readonly #signer = new IdTokenSigner();
  readonly #codes = new Map<string, Code>();
  /** The refresh tokens that have not been used yet. Each token works once. */
  readonly #refreshTokens = new Map<string, Consent>();

  constructor(options: IdentityOptions) {
    this.#options = options;
  }

  answer(call: Call): Reply {
    switch (`${call.method} ${call.url.pathname}`) {
      case "GET /oauth/authorize":
        return this.#authorize(call.url.searchParams);
      case "POST /oauth/token":
        return this.#token(call);
      case `GET ${ISSUER_PATH}/jwks`:
        return jsonReply(200, this.#signer.jwks());
      default:
        return textReply(404, "Not Found");
    }
  }

  rotateSigningKey(): void {
    this.#signer.rotate();
  }

  clear(): void {
    this.#codes.clear();
    this.#refreshTokens.clear();
  }

  #registration(clientId: string): { owner: Account; client: OAuthClient } | null {
    for (const owner of this.#options.accounts) {
      const client = owner.oauthClients.get(clientId);
      if (client !== undefined) return { owner, client };
    }
    return null;
  }

  #authorize(query: URLSearchParams): Reply {
    const registration = this.#registration(query.get("client_id") ?? "");
    const denied = this.#options.faults.denyConsent || query.has("deny");
    const outcome = authorize(query, registration?.client, denied);
    switch (outcome.kind) {
      case "refused":
        return textReply(400, outcome.message);
      case "error":
        return redirect(callbackUrl(outcome.redirectUri, { error: outcome.error, state: outcome.state }));
      case "granted": {
        const account = this.#options.signedInAs() ?? registration?.owner;
        if (account === undefined) return textReply(400, "nobody is signed in");
        const code = secretToken();
        const { authorization, state } = outcome;
        this.#codes.set(code, { authorization, account, expiresAtMs: Date.now() + CODE_LIFE_MS });
        return redirect(callbackUrl(authorization.redirectUri, { code, state }));
      }
    }
  }

  #token(call: Call): Reply {
    const parsed = parseTokenRequest(call);
    if (!parsed.ok) return oauthError(400, parsed.error);
    const client = this.#registration(parsed.client?.clientId ?? "")?.client;
    if (client === undefined || client.clientSecret !== parsed.client?.clientSecret) {
      return oauthError(401, "invalid_client");
    }
    const { request } = parsed;
    const consent =
      request.grant_type === "refresh_token"
        ? this.#refresh(request.refresh_token, client)
        : this.#redeem(request, client);
    if (consent === null) return oauthError(400, "invalid_grant");
    if (request.grant_type === "refresh_token") consent.account.refreshCount += 1;
    return this.#issue(consent, request.grant_type === "refresh_token" ? null : consent.grant.nonce);
  }

  #redeem(
    request: Extract<TokenRequest, { grant_type: "authorization_code" }>,
    client: OAuthClient,
  ): Consent | null {
    const code = this.#codes.get(request.code);
    // A code can be used only once, even if its first use fails.
    this.#codes.delete(request.code);
    if (code === undefined || Date.now() >= code.expiresAtMs) return null;
    const { authorization, account } = code;
    if (authorization.clientId !== client.clientId || authorization.redirectUri !== request.redirect_uri)
      return null;
    if (!verifyPkce(authorization.challenge, request.code_verifier)) return null;
    const { scopes, nonce } = authorization;
    const grant: Grant = { clientId: client.clientId, scoped: client.scoped, scopes, nonce, revoked: false };
    account.addGrant(grant);
    return { grant, account };
  }

  #refresh(refreshToken: string, client: OAuthClient): Consent | null {
    const consent = this.#refreshTokens.get(refreshToken);
    if (consent === undefined || consent.grant.revoked || consent.grant.clientId !== client.clientId)
      return null;
    this.#refreshTokens.delete(refreshToken);
    return consent;
  }

  #issue(consent: Consent, nonce: string | null): Reply {
    const { account, grant } = consent;
    const { faults } = this.#options;
    const scopes = grant.scopes.filter((scope) => !faults.dropScopes.includes(scope));
    const accessToken = TOKEN_PREFIXES[account.region] + secretToken();
    const refreshToken = TOKEN_PREFIXES[account.region] + secretToken();
    const expiresAtMs = Date.now() + faults.expiresIn * 1000;
    account.addCredential(accessToken, { kind: "oauth", grant, scopes, expiresAtMs });
    this.#refreshTokens.set(refreshToken, consent);
    // A Classic app gets an ID token even without requesting `openid`.
    const identified = faults.idToken !== "absent" && (!grant.scoped || scopes.includes("openid"));
    return jsonReply(
      200,
      {
        access_token: accessToken,
        refresh_token: refreshToken,
        ...(identified ? { id_token: this.#idToken(consent, nonce) } : {}),
        token_type: "bearer",
        expires_in: faults.expiresIn,
        scope: scopes.join(" "),
      },
      { "cache-control": "no-store" },
    );
  }

  #idToken({ account, grant }: Consent, nonce: string | null): string {
    const { url, apiUrls, faults } = this.#options;
    const claims = {
      sub: account.user.email,
      email: account.user.email,
      subdomain: account.subdomain,
      region: REGION_CLAIMS[account.region],
      account_id: account.id,
      user_id: account.user.id,
    };
    const issuer = `${url}${ISSUER_PATH}`;
    const apiUrl = apiUrls[account.region];
    return this.#signer.sign({ issuer, clientId: grant.clientId, apiUrl, nonce, claims }, faults.idToken);
  }
}

function redirect(location: string): Reply {
  return { status: 302, headers: { location, "cache-control": "no-store" } };
}

function oauthError(status: number, error: string): Reply {
  return jsonReply(status, { error }, { "cache-control": "no-store" });
}
