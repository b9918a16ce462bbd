export type Region = "us" | "eu";

/** The parts of an account that determine its URLs. */
export interface Site {
  readonly subdomain: string;
  readonly region: Region;
}

/** A reference from one object to another (schema `Reference` of PagerDuty's OpenAPI). */
export interface Reference {
  readonly html_url: string | null;
  readonly id: string;
  readonly self: string | null;
  readonly summary: string | null;
  readonly type: string;
}

const API_HOSTS: Record<Region, string> = { us: "api.pagerduty.com", eu: "api.eu.pagerduty.com" };
const WEB_HOSTS: Record<Region, string> = { us: "pagerduty.com", eu: "eu.pagerduty.com" };

const PATHS = {
  user: { api: "users", web: "users" },
  team: { api: "teams", web: "teams" },
  service: { api: "services", web: "service-directory" },
  escalation_policy: { api: "escalation_policies", web: "escalation_policies" },
  incident: { api: "incidents", web: "incidents" },
  priority: { api: "priorities", web: "account/incident_priorities" },
} as const;

export type ReferenceKind = keyof typeof PATHS;

/** Returns the object's API URL. The host is PagerDuty's, not the emulator's. */
export function selfUrl(site: Site, kind: ReferenceKind, id: string): string {
  return `https://${API_HOSTS[site.region]}/${PATHS[kind].api}/${id}`;
}

/** Returns the page in the web app, such as `https://acme.eu.pagerduty.com/incidents/P1`. */
export function htmlUrl(site: Site, kind: ReferenceKind, id: string): string {
  const origin = `https://${site.subdomain}.${WEB_HOSTS[site.region]}`;
  // No priority has its own page: one page lists all priorities.
  return kind === "priority" ? `${origin}/account/incident_priorities` : `${origin}/${PATHS[kind].web}/${id}`;
}

export function refer(site: Site, kind: ReferenceKind, id: string, summary: string | null): Reference {
  return {
    html_url: htmlUrl(site, kind, id),
    id,
    self: selfUrl(site, kind, id),
    summary,
    type: `${kind}_reference`,
  };
}
