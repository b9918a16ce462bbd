import * as z from "zod";
import type { Account } from "./account.ts";
import { isoSeconds } from "./clock.ts";
import { jsonReply } from "./listener.ts";
import { htmlUrl, selfUrl } from "./reference.ts";
import { restError } from "./rest-error.ts";
import { PageQuery, pageOf } from "./rest-page.ts";
import { parseInput, queryOf, type Route } from "./rest-route.ts";

const ABILITIES = ["teams", "urgencies", "incident_priorities", "custom_fields", "event_rules"];
const SERVICE_CREATED_AT_MS = Date.UTC(2015, 10, 6, 11, 12, 51);

const ServiceQuery = PageQuery.and(z.object({ query: z.string().optional(), name: z.string().optional() }));

function userResource(account: Account) {
  return {
    id: account.user.id,
    type: "user",
    summary: account.user.name,
    self: selfUrl(account, "user", account.user.id),
    html_url: htmlUrl(account, "user", account.user.id),
    name: account.user.name,
    email: account.user.email,
    time_zone: "America/Lima",
    color: "green",
    role: "admin",
    avatar_url: "https://pd-static-assets.pagerduty.com/users/blank-avatar.png",
    description: null,
    invitation_sent: false,
    job_title: "Director of Engineering",
    teams: [account.teamReference],
    contact_methods: [],
    notification_rules: [],
  };
}

function serviceResource(account: Account) {
  return {
    id: account.service.id,
    type: "service",
    summary: account.service.name,
    self: selfUrl(account, "service", account.service.id),
    html_url: htmlUrl(account, "service", account.service.id),
    name: account.service.name,
    auto_resolve_timeout: 14_400,
    acknowledgement_timeout: 1800,
    created_at: isoSeconds(SERVICE_CREATED_AT_MS),
    status: "active",
    alert_creation: "create_alerts_and_incidents",
    integrations: [],
    escalation_policy: account.escalationPolicyReference,
    teams: [account.teamReference],
    incident_urgency_rule: { type: "constant", urgency: "high" },
    scheduled_actions: [],
  };
}

export const accountRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/users/me",
    // PagerDuty's OpenAPI names no scope for this call, so this scope is from PagerDuty's list of scopes.
    scope: "users.read",
    answer: ({ account, credential }) =>
      credential.kind === "account" ? restError.needsUser() : jsonReply(200, { user: userResource(account) }),
  },
  {
    method: "GET",
    path: "/services",
    scope: "services.read",
    answer: (call) => {
      const query = parseInput(ServiceQuery, queryOf(call));
      if (!query.ok) return query.reply;
      const { name } = call.account.service;
      const wanted =
        (query.value.name === undefined || query.value.name === name) &&
        (query.value.query === undefined || name.toLowerCase().includes(query.value.query.toLowerCase()));
      const { items, pagination } = pageOf(wanted ? [serviceResource(call.account)] : [], query.value);
      return jsonReply(200, { services: items, ...pagination });
    },
  },
  {
    method: "GET",
    path: "/abilities",
    scope: "abilities.read",
    answer: () => jsonReply(200, { abilities: ABILITIES }),
  },
];
