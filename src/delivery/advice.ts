import type { Config } from "../config.ts";

/** Says what to check when Aurora refuses a delivery because of a wrong setting. Pure. */

type Events = Pick<NonNullable<Config["events"]>, "setting" | "isOwnRoute">;

/** @returns what to check; null for a temporary failure, such as an error in Aurora or too many calls */
export function adviceFor(status: number, events: Events): string | null {
  const { setting, isOwnRoute } = events;
  switch (status) {
    case 400:
      return `check that ${setting} is the address of a receiver for the format in AURORA_EVENTS_FORMAT`;
    case 401:
      return isOwnRoute
        ? `check AURORA_HEADERS: a proxy in front of Aurora at ${setting} asks for a sign-in`
        : "check that AURORA_EVENTS_SECRET is the same here and at the receiver; if a proxy in front of the receiver asks for a sign-in, check AURORA_HEADERS";
    case 403:
      return `check AURORA_HEADERS, and the firewall, proxy or Cloudflare Access in front of Aurora at ${setting}`;
    case 404:
      return isOwnRoute
        ? `Aurora's own route refuses events while Aurora holds no credential for the organisation: set AURORA_BACKEND_URL, so that API tokens are passed on to Aurora, or deliver to the receiver; if Aurora holds a credential, check ${setting}`
        : `check ${setting}: there is no receiver at this address`;
    case 409:
      return "the user who connected has left the organisation: let another member connect again";
    case 422:
      return "the receiver cannot use this event, and its answer says why";
    case 508:
      return `${setting} leads back to this connector: set it to the address of Aurora's own server, not of a proxy that routes /pagerduty here`;
    default:
      return status >= 300 && status < 400
        ? `check ${setting}: redirects are not followed, so it has to be the final address`
        : null;
  }
}
