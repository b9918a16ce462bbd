import { once } from "node:events";
import { createServer } from "node:http";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

/** A fake Cloudflare Access team, which serves its keys and signs assertions. */
export interface AccessTeam {
  /** The value of `ACCESS_TEAM_DOMAIN`, which is also the issuer. */
  readonly url: string;
  readonly audience: string;
  /** While true, the keys cannot be fetched. */
  down: boolean;
  /** The number of spaces before the JSON of the key set, to make the answer longer. */
  paddingBytes: number;
  /** @param claims override the default claims; undefined removes a claim */
  assertion(claims?: Record<string, unknown>, options?: { stranger?: boolean }): Promise<string>;
  close(): Promise<void>;
}

export async function startAccessTeam(): Promise<AccessTeam> {
  const own = await generateKeyPair("RS256");
  const strange = await generateKeyPair("RS256");
  const keys = [{ ...(await exportJWK(own.publicKey)), kid: "own", alg: "RS256", use: "sig" }];
  const server = createServer((request, response) => {
    if (team.down || request.url !== "/cdn-cgi/access/certs") {
      response.writeHead(500).end();
      return;
    }
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(" ".repeat(team.paddingBytes) + JSON.stringify({ keys }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The team has no port");
  const url = `http://127.0.0.1:${address.port}`;
  const team: AccessTeam = {
    url,
    audience: "a".repeat(64),
    down: false,
    paddingBytes: 0,
    assertion: (claims = {}, { stranger = false } = {}) => {
      const nowSeconds = Math.floor(Date.now() / 1000);
      const payload: JWTPayload = {
        iss: url,
        aud: [team.audience],
        email: "Alice@Acme.example",
        sub: "7335d417-61da-459d-899c-0a01c76a2f94",
        iat: nowSeconds,
        exp: nowSeconds + 600,
        ...claims,
      };
      return new SignJWT(payload)
        .setProtectedHeader({ alg: "RS256", kid: "own" })
        .sign(stranger ? strange.privateKey : own.privateKey);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return team;
}
