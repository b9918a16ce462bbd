import * as z from "zod/mini";

/** PagerDuty's service regions. Each region has its own REST API. */
export const Region = z.enum(["us", "eu"]);
export type Region = z.infer<typeof Region>;

const API_URL: Record<Region, string> = {
  us: "https://api.pagerduty.com",
  eu: "https://api.eu.pagerduty.com",
};

/** @param override `PAGERDUTY_API_URL`, which replaces the URL of every region */
export function apiUrlOf(region: Region, override: string | null): string {
  return override ?? API_URL[region];
}

/**
 * Returns the regions in which to try a credential. If `given` is set, returns only `given`.
 * @param override `PAGERDUTY_API_URL`. If it is set, all regions have the same URL, so one region is enough
 */
export function candidateRegions(given: Region | undefined, override: string | null): Region[] {
  if (given) return [given];
  return override ? ["us"] : ["us", "eu"];
}

/** Returns the region in the URL of a PagerDuty page; null for any other URL. */
export function regionOf(htmlUrl: string | null | undefined): Region | null {
  const hostname = htmlUrl ? (URL.parse(htmlUrl)?.hostname ?? "") : "";
  if (hostname.endsWith(".eu.pagerduty.com")) return "eu";
  return hostname.endsWith(".pagerduty.com") ? "us" : null;
}

/** Returns `acme` for `https://acme.pagerduty.com/…` or `https://acme.eu.pagerduty.com/…`; null for any other URL. */
export function subdomainOf(htmlUrl: string | null | undefined): string | null {
  const hostname = htmlUrl ? URL.parse(htmlUrl)?.hostname : undefined;
  return hostname?.match(/^([a-z0-9-]+)(?:\.eu)?\.pagerduty\.com$/)?.[1] ?? null;
}
