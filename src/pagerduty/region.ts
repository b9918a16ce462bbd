import * as z from "zod/mini";

/** PagerDuty's service regions and where their REST API answers. An account lives in one of them. */
export const Region = z.enum(["us", "eu"]);
export type Region = z.infer<typeof Region>;

const API_URL: Record<Region, string> = {
  us: "https://api.pagerduty.com",
  eu: "https://api.eu.pagerduty.com",
};

/** @param override `PAGERDUTY_API_URL`, which stands for every region */
export function apiUrlOf(region: Region, override: string | null): string {
  return override ?? API_URL[region];
}

/** The regions to try for a credential, in order; with an override there is nothing to try. */
export function candidateRegions(given: Region | undefined, override: string | null): Region[] {
  if (given) return [given];
  return override ? ["us"] : ["us", "eu"];
}

/** `acme` of `https://acme.pagerduty.com/…` or `https://acme.eu.pagerduty.com/…`; null for anything else. */
export function subdomainOf(htmlUrl: string | null | undefined): string | null {
  const hostname = htmlUrl ? URL.parse(htmlUrl)?.hostname : undefined;
  return hostname?.match(/^([a-z0-9-]+)(?:\.eu)?\.pagerduty\.com$/)?.[1] ?? null;
}
