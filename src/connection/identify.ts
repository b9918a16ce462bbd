import { AppError } from "../errors.ts";
import {
  type ApiProblem,
  type Identity,
  identify,
  isPlausibleToken,
  tokenAuthorization,
} from "../pagerduty/api.ts";
import { apiUrlOf, candidateRegions, type Region } from "../pagerduty/region.ts";

/** A credential that PagerDuty vouched for: whose it is and where. */
export interface CheckedCredential extends Identity {
  region: Region;
}

/** What the caller is told when PagerDuty refuses a token or cannot be asked; the contract's words. */
export function tokenError(problem: ApiProblem): AppError {
  switch (problem.problem) {
    case "unauthorized":
      return new AppError("invalid_token", "Invalid or expired API token");
    case "forbidden":
      return new AppError("insufficient_permissions", "Token lacks required permissions");
    case "rate_limited":
      return new AppError("rate_limited", "Rate limited by PagerDuty", {
        retryAfterSeconds: problem.retryAfterSeconds,
      });
    case "bad_request":
    case "not_found":
      return new AppError("pagerduty_unavailable", "PagerDuty API request failed", {
        internal: problem.problem,
      });
    case "unavailable":
      return new AppError("pagerduty_unavailable", "PagerDuty API request failed", {
        internal: problem.reason,
      });
  }
}

/**
 * Finds out whose credential it is, in the region given or in the one that knows it.
 * @param unnamed whether one that may not be looked up counts: a region that says so knows it
 * @param override `PAGERDUTY_API_URL`
 * @throws {AppError} as the contract's table of token errors says
 */
async function checkCredential(
  authorization: string,
  unnamed: "counts" | "is refused",
  region: Region | undefined,
  override: string | null,
): Promise<CheckedCredential> {
  let worst: ApiProblem = { problem: "unauthorized" };
  for (const candidate of candidateRegions(region, override)) {
    const identity = await identify({ apiUrl: apiUrlOf(candidate, override), authorization });
    if (identity.ok) return { ...identity.value, region: candidate };
    if (identity.problem === "forbidden" && unnamed === "counts") return { ...NOBODY, region: candidate };
    // A region that does not know the token says 401; any other answer says more.
    if (identity.problem !== "unauthorized") worst = identity;
  }
  throw tokenError(worst);
}

const NOBODY: Identity = { email: null, name: null, subdomain: null };

/** Of an OAuth access token, which may lack the scopes that looking it up takes: what is not granted stays unknown. */
export const checkBearer = (
  authorization: string,
  region: Region | undefined,
  override: string | null,
): Promise<CheckedCredential> => checkCredential(authorization, "counts", region, override);

/** Of an API token as a person typed it. */
export async function checkToken(
  token: string,
  region: Region | undefined,
  override: string | null,
): Promise<CheckedCredential> {
  // What no header can carry PagerDuty cannot know; asking would only tell others of it.
  if (!isPlausibleToken(token)) throw tokenError({ problem: "unauthorized" });
  return checkCredential(tokenAuthorization(token), "is refused", region, override);
}
