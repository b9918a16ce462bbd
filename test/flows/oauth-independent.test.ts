import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import * as z from "zod";
import type { Account } from "../emulator/pagerduty.ts";
import {
  CLIENT_ID,
  CLIENT_SECRET,
  follow,
  SUCCESS,
  signInAddress,
  startOAuthWorld,
} from "../support/sign-in.ts";
import type { World } from "../support/world.ts";

/**
 * The connector signs in at oidc-provider, a certified OpenID provider. PagerDuty's API is still emulated, and the
 * emulator accepts the provider's tokens.
 */

const SCOPES = "openid incidents.read";
const ACCESS_LIFE_SECONDS = 60;
const TokenBody = z.object({ access_token: z.string(), refresh_token: z.string(), scope: z.string() });

let server: Server;
let world: World;
let account: Account;
const granted: z.infer<typeof TokenBody>[] = [];
const faults: string[] = [];

beforeAll(async () => {
  // Silences the provider's warnings about a configuration for tests.
  vi.spyOn(console, "warn").mockReturnValue();
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const identityUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  world = await startOAuthWorld({ PAGERDUTY_IDENTITY_URL: identityUrl, PAGERDUTY_OAUTH_SCOPES: SCOPES });
  account = world.pagerduty.account({ subdomain: "independent" });
  const provider = providerAt(identityUrl, `${world.worker.url}/pagerduty/oauth/callback`);
  server.on("request", provider.callback());
});
afterAll(async () => {
  await world.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function providerAt(identityUrl: string, redirectUri: string): Provider {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const provider = new Provider(`${identityUrl}/global/oauth/anonymous`, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [redirectUri],
        grant_types: ["authorization_code", "refresh_token"],
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" }] },
    routes: {
      authorization: "/oauth/authorize",
      token: "/oauth/token",
      jwks: "/global/oauth/anonymous/jwks",
    },
    scopes: SCOPES.split(" "),
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: () => true,
    ttl: {
      AccessToken: ACCESS_LIFE_SECONDS,
      AuthorizationCode: 30,
      Grant: 600,
      IdToken: 600,
      Interaction: 600,
      RefreshToken: 600,
      Session: 600,
    },
    cookies: { keys: ["test"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: () => "/consent" },
    // In PagerDuty's ID tokens, both `aud` and `region` name the account's region. This provider's `aud` names only the
    // client, so the connector reads `region`.
    claims: { openid: ["sub", "region"] },
    conformIdTokenClaims: false,
    findAccount: (_: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId, region: "UnitedStates" }),
    }),
  });
  provider.use(async (context, next) => {
    if (context.path === "/consent") return giveConsent(provider, context.req, context.res);
    await next();
    if (context.path !== "/oauth/token") return;
    const body = TokenBody.safeParse(context.body);
    if (body.success) letIn(body.data);
    else faults.push(JSON.stringify(context.body));
  });
  return provider;
}

type Interaction = Parameters<Provider["interactionDetails"]>;

async function giveConsent(provider: Provider, ...[request, response]: Interaction): Promise<void> {
  const { params } = await provider.interactionDetails(request, response);
  const grant = new provider.Grant({ accountId: account.user.email, clientId: String(params["client_id"]) });
  grant.addOIDCScope(SCOPES);
  const consent = { grantId: await grant.save() };
  const result = { login: { accountId: account.user.email }, consent };
  await provider.interactionFinished(request, response, result);
}

function letIn(body: z.infer<typeof TokenBody>): void {
  granted.push(body);
  account.addCredential(body.access_token, {
    kind: "oauth",
    grant: { clientId: CLIENT_ID, scoped: true, scopes: [], nonce: null, revoked: false },
    scopes: body.scope.split(" "),
    expiresAtMs: Date.now() + ACCESS_LIFE_SECONDS * 1000,
  });
}

async function browse(address: URL): Promise<URL> {
  const cookies = new Map<string, string>();
  let at = address;
  for (let step = 0; step < 10 && !at.pathname.startsWith("/pagerduty/"); step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(at, { redirect: "manual", headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (!location) throw new Error(`${at.pathname} answered ${response.status}: ${await response.text()}`);
    at = new URL(location, at);
  }
  return at;
}

test("an independent, certified server accepts the connector's sign-in, code exchange and refresh", async () => {
  const { worker } = world;
  const status = async () => (await worker.call("alice", "GET", "/pagerduty")).body;
  const back = await browse(await signInAddress(worker, "alice"));
  expect([...back.searchParams.keys()].sort()).toEqual(["code", "iss", "state"]);
  expect(await follow(worker, back)).toBe(SUCCESS);
  expect(granted).toHaveLength(1);

  // Tokens live for one minute, so this call refreshes the token of the sign-in. The connector uses a refreshed token
  // for at least half a minute.
  expect(await status()).toMatchObject({
    connected: true,
    authType: "oauth",
    externalUserEmail: account.user.email,
    oauth: { scopes: SCOPES.split(" "), missingScopes: [] },
  });
  expect(granted).toHaveLength(2);
  expect(granted[1]?.refresh_token).not.toBe(granted[0]?.refresh_token);
  expect(faults).toEqual([]);

  // The state of `back` was used before, so the connector does not send the code to the provider.
  expect(await follow(worker, back)).toContain("error=invalid");
  // Bob's `state` is valid, so the connector sends the code to the provider, which answers `invalid_grant`.
  const other = await browse(await signInAddress(worker, "bob"));
  other.searchParams.set("code", "no-such-code");
  expect(await follow(worker, other)).toContain("error=exchange_failed");
  expect(faults.join()).toContain("invalid_grant");
});
