/**
 * The guards that must never break. For each guard, `find` and `replace` are the smallest change that breaks it.
 * `npm run mutants` makes one change at a time, and expects a test in one of the files `tests` to fail.
 */

export interface Mutant {
  /** A true claim about the code, which the change makes false. */
  guard: string;
  /** A path relative to the project, like the paths in `tests`. */
  file: string;
  /** The text to replace, which occurs once in `file`. */
  find: string;
  replace: string;
  /** At least one of these test files must fail. */
  tests: readonly string[];
}

type Topic = readonly Mutant[];

const signature: Topic = [
  {
    guard: "a signature is compared with the HMAC of the body",
    file: "src/pagerduty/signature.ts",
    find: "crypto.subtle.timingSafeEqual(signature, expected)",
    replace: "signature.byteLength === expected.byteLength",
    tests: ["test/pagerduty/signature.test.ts"],
  },
  {
    guard: "a webhook without a signature is refused where a secret is stored",
    file: "src/webhooks/verify.ts",
    find: "if (keys.length === 0) return",
    replace: "if (keys.length === 0 || signature === null) return",
    tests: ["test/http/webhook.test.ts"],
  },
  {
    guard: "an expired signing secret verifies nothing",
    file: "src/connection/verification.ts",
    find: "nowMs < expiresAtMs && (await isSignedBy(key, signatures, body))",
    replace: "await isSignedBy(key, signatures, body)",
    tests: ["test/connection/verification.test.ts"],
  },
  {
    guard: "a replaced signing secret expires after a day",
    file: "src/connection/connection.ts",
    find: "old.subscriptionId === madeId ? old.expiresAtMs : Math.min(old.expiresAtMs ?? untilMs, untilMs)",
    replace: "old.expiresAtMs ?? Number.MAX_SAFE_INTEGER",
    tests: ["test/connection/verification.test.ts"],
  },
  {
    guard: "keys that the edge has cached can accept a webhook, but never refuse one",
    file: "src/http/webhook.ts",
    find: "if (copy.accepted) return [copy.accepted];",
    replace:
      'if (copy.accepted) return [copy.accepted];\n  if (copy.knowsUser) throw new AppError("invalid_signature", "The signature does not match");',
    tests: ["test/http/webhook.test.ts"],
  },
  {
    guard:
      "the object verifies a webhook again if the edge accepted it with a secret that the object does not know",
    file: "src/webhooks/verify.ts",
    find: "if (sameConnection && isKnown) return",
    replace: 'if (webhook.verification === "signature") return',
    tests: ["test/flows/queued.test.ts"],
  },
  {
    guard: "an unsigned webhook is only a hint",
    file: "src/webhooks/intake.ts",
    find: 'if (trust === "callback") {',
    replace: 'if (trust === "callback" && effect.kind === "none") {',
    tests: ["test/http/callback-trust.test.ts"],
  },
  {
    guard: "only a hint that PagerDuty confirms passes its ids on and causes an analysis",
    file: "src/webhooks/read-back.ts",
    find: 'verdict === "agrees" ? [entry] : []',
    replace: "verdict ? [entry] : []",
    tests: ["test/flows/unsigned.test.ts"],
  },
  {
    guard: "a hint that names an incident by its number adds no incident",
    file: "src/webhooks/read-back.ts",
    find: "if (incident.value.incidentId !== hint.incidentId) return { ok: true, value: null };",
    replace: "",
    tests: ["test/flows/unsigned.test.ts"],
  },
];

const isolation: Topic = [
  {
    guard: "a call needs Aurora's secret",
    file: "src/http/callers.ts",
    find: '!(await isSameSecret(c.req.header("x-internal-secret") ?? "", expected))',
    replace: 'c.req.header("x-internal-secret") === undefined',
    tests: ["test/http/connection.test.ts"],
  },
  {
    guard: "an organisation and a user with the same id are different tenants",
    file: "src/tenant-id.ts",
    find: "`org:",
    replace: "`user:",
    tests: ["test/http/tenants.test.ts"],
  },
  {
    guard: "a user's webhook URL leads to that user's tenants only",
    file: "src/tenant/memberships.ts",
    find: "`member:${userId}`",
    replace: "`member:${userId.slice(0, 0)}`",
    tests: ["test/http/tenants.test.ts"],
  },
  {
    guard: "the id of a user or an organisation is refused unless it has the fixed form",
    file: "src/tenant-id.ts",
    find: "/^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$/",
    replace: "/^.+$/",
    tests: ["test/http/connection.test.ts", "test/http/tenants.test.ts"],
  },
  {
    guard: "the console takes the user's identity from Access and ignores X-User-ID",
    file: "src/http/visitors.ts",
    find: 'c.set("caller", { userId,',
    replace: 'c.set("caller", { userId: c.req.header("x-user-id") ?? userId,',
    tests: ["test/console/door.test.ts"],
  },
  {
    guard: "a sealed text opens only for the purpose that it was sealed for",
    file: "src/connection/seal.ts",
    find: "new TextEncoder().encode(purpose)",
    replace: "new TextEncoder().encode(purpose.slice(0, 0))",
    tests: ["test/connection/seal.test.ts", "test/storage/connection-store.test.ts"],
  },
  {
    guard: "PagerDuty's answer for an earlier connection is not used for the current connection",
    file: "src/connection/client.ts",
    find: "return isCurrent() ? answer : NOT_CONNECTED;",
    replace: "return answer;",
    tests: ["test/attack/switching.test.ts"],
  },
  {
    guard: "a delivery that began before a new connection does not change a row of the new connection",
    file: "src/delivery/attempt.ts",
    find: "and another entry may have its number.\n  if (!isCurrent()) return;",
    replace: "and another entry may have its number.",
    tests: ["test/storage/guards.test.ts"],
  },
  {
    guard: "a token of another account does not replace the connected account's token",
    file: "src/tenant/connect.ts",
    find: "if (await this.#isOthers(before,",
    replace: "if (before === null && await this.#isOthers(before,",
    tests: ["test/http/connection.test.ts"],
  },
  {
    guard: "connecting another account deletes everything of the former account",
    file: "src/tenant/connect.ts",
    find: "else await this.#store.replace(",
    replace: "else await this.#store.set(",
    tests: ["test/flows/disconnect.test.ts"],
  },
  {
    guard: "a disconnect cancels every attempt to connect that started before it",
    file: "src/tenant/connect.ts",
    find: "if (disconnects === this.#disconnects) return;",
    replace: "if (disconnects >= 0) return;",
    tests: ["test/flows/disconnect.test.ts"],
  },
];

const permission: Topic = [
  {
    guard: "a change needs Aurora's permission",
    file: "src/http/permission.ts",
    find: "if (!SAFE_METHODS.has(c.req.method)) await",
    replace: 'if (c.req.method === "TRACE") await',
    tests: ["test/http/permission.test.ts"],
  },
  {
    guard: "a 400 without Aurora's error text grants nothing",
    file: "src/aurora/permission.ts",
    find: "status === 400 && error === PAST_THE_CHECK",
    replace: "status === 400",
    tests: ["test/aurora/permission.test.ts"],
  },
  {
    guard: "a 403 without Aurora's error text does not count as a refusal",
    file: "src/aurora/permission.ts",
    find: 'answer.kind === "answered" && answer.error !== null',
    replace: 'answer.kind === "answered"',
    tests: ["test/aurora/permission.test.ts"],
  },
  {
    guard: "a refusal deletes all cached permissions",
    file: "src/aurora/permission.ts",
    find: "this.#untilMs.clear();",
    replace: "",
    tests: ["test/aurora/permission.test.ts"],
  },
  {
    guard: "a cached permission is valid for one organisation only",
    file: "src/aurora/permission.ts",
    find: "JSON.stringify([member.userId, member.orgId])",
    replace: "JSON.stringify([member.userId])",
    tests: ["test/aurora/permission.test.ts"],
  },
  {
    guard: "a sign-in needs Aurora's permission again when it ends",
    file: "src/http/oauth.ts",
    find: 'if (!login.isVisitor && !(await mayConnect(c.env, config, login))) return "validation_failed";',
    replace: "",
    tests: ["test/http/permission.test.ts"],
  },
  {
    guard: "where Aurora's backend is configured, a user without an organisation cannot connect",
    file: "src/http/permission.ts",
    find: 'c.req.method === "POST" && c.get("caller").orgId === null',
    replace: 'c.req.method === "TRACE" && c.get("caller").orgId === null',
    tests: ["test/http/permission.test.ts"],
  },
];

const dedupe: Topic = [
  {
    guard: "a webhook that is repeated under its id is a duplicate",
    file: "src/webhooks/intake.ts",
    find: 'if (known && !isSuperseded(known, trust)) return "duplicate";',
    replace: "",
    tests: ["test/http/webhook.test.ts"],
  },
  {
    guard: "a webhook of a connection that was replaced is a hint for one without secrets",
    file: "src/webhooks/verify.ts",
    find: 'keys.length > 0 || isOther ? "refused" : { trust: "callback", shared: true }',
    replace: '"refused"',
    tests: ["test/storage/replaced-connection.test.ts"],
  },
  {
    guard: "a webhook of another account is not taken by the connection that replaced it",
    file: "src/webhooks/verify.ts",
    find: "keys.length > 0 || isOther",
    replace: "keys.length > 0",
    tests: ["test/storage/replaced-connection.test.ts"],
  },
  {
    guard: "a refused webhook of an earlier connection makes a check due",
    file: "src/webhooks/intake.ts",
    find: "this.#expectGap();",
    replace: "",
    tests: ["test/storage/replaced-connection.test.ts"],
  },
  {
    guard: "a webhook whose tenant has no connection goes to the tenants that accept it now",
    file: "src/webhooks/hand-over.ts",
    find: 'if (outcome !== "not_connected") return outcome !== undefined && outcome !== "failed";',
    replace: 'if (outcome !== undefined) return outcome !== "failed";',
    tests: ["test/flows/queued.test.ts"],
  },
  {
    guard: "another event under a known webhook id is not a duplicate",
    file: "src/storage/journal.ts",
    find: "(event_id IS ? OR event_id IS NULL AND outcome = 'failed')",
    replace: "(event_id IS ? OR 1)",
    tests: ["test/storage/webhook-ids.test.ts"],
  },
  {
    guard: "an event that is repeated under another webhook id is a duplicate",
    file: "src/webhooks/intake.ts",
    find: 'if (earlier && earlier.outcome !== "unconfirmed") {',
    replace: "if (earlier && earlier.seq < 0) {",
    tests: ["test/flows/delivery.test.ts"],
  },
  {
    guard: "the accepted part of a delivery is not sent again",
    file: "src/delivery/attempt.ts",
    find: "if (index < sentParts) continue;",
    replace: "",
    tests: ["test/aurora-flows/dead.test.ts"],
  },
  {
    guard: "a part that was accepted in another format or elsewhere is sent again",
    file: "src/delivery/attempt.ts",
    find: "entry.sentTo === address ? entry.sentParts : 0",
    replace: "entry.sentParts",
    tests: ["test/aurora-flows/format-change.test.ts"],
  },
  {
    guard: "a request for analysis that v3 did not send is sent after a change to notifications",
    file: "src/delivery/attempt.ts",
    find: "if (needsAnalysisRequest(config, entry)) queueAnalysisRequest(sql, entry.incidentId, nextDueAtMs);",
    replace: "",
    tests: ["test/aurora-flows/format-change.test.ts"],
  },
  {
    guard: "every attempt of a delivery has the same webhook-id",
    file: "src/delivery/sink.ts",
    find: '"webhook-id": id,',
    replace: '"webhook-id": id + now.getTime(),',
    tests: ["test/flows/delivery.test.ts"],
  },
  {
    guard: "when several calls need a new token at the same time, only one of them refreshes it",
    file: "src/connection/tokens.ts",
    find: "this.#refreshing ??= this.#refresh(connection)",
    replace: "this.#refreshing = this.#refresh(connection)",
    tests: ["test/storage/guards.test.ts"],
  },
];

const order: Topic = [
  {
    guard: "an incident's next delivery waits for the previous delivery",
    file: "src/storage/journal.ts",
    find: "dueAtMs !== null && hasOutstanding(sql, entry.incidentId ?? null)",
    replace: "dueAtMs !== null && hasOutstanding(sql, null)",
    tests: ["test/flows/delivery.test.ts"],
  },
  {
    guard: "the oldest of an incident's queued deliveries is sent next",
    file: "src/delivery/outbox.ts",
    find: "SELECT min(seq) FROM journal WHERE incident_id = ? AND delivery = 'queued'",
    replace: "SELECT max(seq) FROM journal WHERE incident_id = ? AND delivery = 'queued'",
    tests: ["test/flows/delivery.test.ts", "test/flows/oracle.test.ts"],
  },
  {
    guard: "an older event never overwrites a newer event's values",
    file: "src/incidents/fold.ts",
    find: "if (observation.overrules || !state.snapshotStamp || isNewer(observation.stamp, state.snapshotStamp)) {",
    replace: "if (observation.stamp) {",
    tests: ["test/incidents/fold.test.ts"],
  },
  {
    guard: "a REST answer replaces a newer event only long after that event was stored",
    file: "src/incidents/rest-stamp.ts",
    find: "storedAtMs !== null && askedAtMs - storedAtMs >= SETTLE_MS;",
    replace: "storedAtMs !== null;",
    tests: ["test/incidents/fold.test.ts", "test/storage/rest-reading.test.ts"],
  },
  {
    guard: "unsigned webhooks that wait are bounded",
    file: "src/webhooks/intake.ts",
    find: "boundWaiting(sql, effect.incidentId, seq);",
    replace: "",
    tests: ["test/storage/waiting.test.ts"],
  },
  {
    guard: "an automatic check sends no incident a second time that the retention has removed",
    file: "src/reconcile/missed-incidents.ts",
    find: "Math.max(connectedAtMs, nowMs - config.retentionMs)",
    replace: "connectedAtMs",
    tests: ["test/storage/history.test.ts"],
  },
  {
    guard: "an event stamped years ahead is forgotten by a later REST answer",
    file: "src/incidents/rest-stamp.ts",
    find: "  if (stamp.atMs > askedAtMs) return true;\n",
    replace: "",
    tests: ["test/incidents/fold.test.ts"],
  },
  {
    guard: "an older event never restores a custom field",
    file: "src/incidents/fold.ts",
    find: "if (known && !observation.overrules && !isNewer(observation.stamp, known.stamp)) continue;",
    replace: "",
    tests: ["test/incidents/fold.test.ts"],
  },
  {
    guard: "all deliveries of an incident name the same user as its first delivery",
    file: "src/storage/record.ts",
    find: "state.version === 0 || state.recipientUserId !== null",
    replace: "state.version === 0",
    tests: ["test/aurora-flows/receiver.test.ts"],
  },
];

const retries: Topic = [
  {
    guard: "Retry-After delays the next attempt",
    file: "src/retry-timing.ts",
    find: "Math.max(delaySeconds, grantedWaitSeconds(retryAfterSeconds))",
    replace: "delaySeconds",
    tests: ["test/delivery/schedule.test.ts"],
  },
  {
    guard: "Retry-After delays an attempt by an hour at most",
    file: "src/retry-timing.ts",
    find: "Math.min(retryAfterSeconds ?? 0, MAX_RETRY_AFTER_SECONDS)",
    replace: "retryAfterSeconds ?? 0",
    tests: ["test/delivery/schedule.test.ts"],
  },
  {
    guard: "an early attempt never comes before Retry-After",
    file: "src/delivery/outbox.ts",
    find: "coalesce(not_before_ms, 0) <= ?",
    replace: "0 <= ?",
    tests: ["test/storage/early-retries.test.ts"],
  },
  {
    guard: "PagerDuty is not called before its rate limit is over",
    file: "src/connection/client.ts",
    find: "const waitMs = this.#pausedForMs(connection);",
    replace: "const waitMs = Math.min(0, this.#pausedForMs(connection));",
    tests: ["test/storage/rate-limit.test.ts"],
  },
  {
    guard: "a delivery is kept after its last attempt, and can be sent again",
    file: "src/delivery/outbox.ts",
    find: "UPDATE journal SET delivery = 'dead', attempts",
    replace: "UPDATE journal SET delivery = NULL, attempts",
    tests: ["test/flows/delivery.test.ts"],
  },
];

const console: Topic = [
  {
    guard: "a change from a page of another site is refused (Origin, Sec-Fetch-Site)",
    file: "src/http/visitors.ts",
    find: "if (marked && isSameSite(c)) return;",
    replace: "if (marked) return;",
    tests: ["test/console/door.test.ts"],
  },
  {
    guard: "a change without the header that the console's page sends is refused",
    file: "src/http/visitors.ts",
    find: 'upgrades || c.req.header("x-requested-with") === MARK',
    replace: 'upgrades || c.req.header("x-requested-with") !== MARK || MARK',
    tests: ["test/console/door.test.ts"],
  },
  {
    guard: "a WebSocket from a page of another site is refused",
    file: "src/http/visitors.ts",
    find: "SAFE_METHODS.has(c.req.method) && !upgrades",
    replace: "SAFE_METHODS.has(c.req.method)",
    tests: ["test/console/door.test.ts"],
  },
  {
    guard: "CORS allows Aurora's origin only",
    file: "src/http/app.ts",
    find: "return frontendUrl === null ? null : new URL(frontendUrl).origin;",
    replace: 'return frontendUrl === null ? null : (c.req.header("origin") ?? null);',
    tests: ["test/http/connection.test.ts"],
  },
  {
    guard: "an assertion of another Access application is refused",
    file: "src/console/access.ts",
    find: "      audience,\n",
    replace: "",
    tests: ["test/console/door.test.ts"],
  },
  {
    guard: "an assertion of another Access team is refused",
    file: "src/console/access.ts",
    find: "      issuer: teamUrl,\n",
    replace: "",
    tests: ["test/console/door.test.ts"],
  },
  {
    guard: "in dev, a call through a tunnel does not count as local",
    file: "src/http/locality.ts",
    find: "if (RELAYED.some((name) => headers.has(name))) return false;",
    replace: "",
    tests: ["test/http/locality.test.ts"],
  },
];

const outbound: Topic = [
  {
    guard: "the target of a runbook's redirect is checked before it is fetched",
    file: "src/analysis/runbook.ts",
    find: 'redirect: "manual"',
    replace: 'redirect: "follow"',
    tests: ["test/analysis/runbook.test.ts"],
  },
  {
    guard: "the target of a runbook's redirect must be public",
    file: "src/analysis/runbook.ts",
    find: "if (refusal) throw",
    replace: "if (refusal && hop === 0) throw",
    tests: ["test/analysis/runbook.test.ts"],
  },
  {
    guard: "a runbook at a private IPv4 address is not fetched",
    file: "src/analysis/public-address.ts",
    find: "isPrivateV4(host) ?",
    replace: 'isPrivateV4(host) && host === "" ?',
    tests: ["test/analysis/public-address.test.ts"],
  },
  {
    guard: "a runbook at a private IPv6 address is not fetched",
    file: "src/analysis/public-address.ts",
    find: "isPrivateV6(host.slice(1, -1)) ?",
    replace: 'isPrivateV6(host.slice(1, -1)) && host === "" ?',
    tests: ["test/analysis/public-address.test.ts"],
  },
  {
    guard: "a call to Aurora follows no redirect",
    file: "src/aurora/calls.ts",
    find: 'redirect: "manual" as const',
    replace: 'redirect: "follow" as const',
    tests: ["test/aurora/calls.test.ts"],
  },
  {
    guard: "a call to PagerDuty follows no redirect",
    file: "src/pagerduty/api.ts",
    find: 'redirect: "manual"',
    replace: 'redirect: "follow"',
    tests: ["test/delivery/redirect.test.ts"],
  },
  {
    guard: "AURORA_HEADERS are sent to Aurora's origin only",
    file: "src/aurora/calls.ts",
    find: "...(isOwn ? target.headers : {})",
    replace: "...target.headers",
    tests: ["test/aurora/calls.test.ts"],
  },
  {
    guard: "AURORA_HEADERS cannot override a header that the connector sets",
    file: "src/aurora-settings.ts",
    find: 'RESERVED_HEADERS.has(lower) || lower.startsWith("content-")',
    replace: 'lower.startsWith("content-")',
    tests: ["test/config/aurora-settings.test.ts"],
  },
];

const signIn: Topic = [
  {
    guard: "a sign-in's state works once",
    file: "src/connection/pending-logins.ts",
    find: "this.#put(pending.filter((entry) => entry !== found));",
    replace: "",
    tests: ["test/http/oauth.test.ts"],
  },
  {
    guard: "a sign-in that was bound to a browser is finished by that browser only",
    file: "src/http/oauth.ts",
    find: '!login || !isSameBrowser(login, c.req.header("cookie") ?? "")',
    replace: "!login",
    tests: ["test/http/oauth.test.ts"],
  },
  {
    guard: "an ID token of another sign-in is refused",
    file: "src/pagerduty/id-token.ts",
    find: "claims.nonce != null && claims.nonce !== nonce",
    replace: 'claims.nonce != null && nonce === ""',
    tests: ["test/pagerduty/id-token.test.ts"],
  },
  {
    guard: "an ID token for another app is refused",
    file: "src/pagerduty/id-token.ts",
    find: "    audience: app.clientId,\n",
    replace: "",
    tests: ["test/pagerduty/id-token.test.ts"],
  },
  {
    guard: "only the error invalid_grant ends an OAuth connection",
    file: "src/connection/tokens.ts",
    find: 'if (answer.problem === "invalid_grant") {',
    replace: 'if (answer.problem !== "rate_limited") {',
    tests: ["test/http/oauth-refresh.test.ts"],
  },
];

const limits: Topic = [
  {
    guard: "a webhook over 256 KiB is refused",
    file: "src/http/webhook.ts",
    find: "const MAX_BODY_BYTES = 256 * 1024;",
    replace: "const MAX_BODY_BYTES = 256 * 1024 * 1024;",
    tests: ["test/http/webhook.test.ts"],
  },
  {
    guard: "a body without Content-Length is read up to its limit",
    file: "src/limits.ts",
    find: "if (size > maxBytes) return null;",
    replace: "",
    tests: ["test/http/webhook.test.ts", "test/analysis/runbook.test.ts"],
  },
  {
    guard: "only the start of an endless answer is read",
    file: "src/limits.ts",
    find: "if (left <= 0) break;",
    replace: "",
    tests: ["test/aurora/calls.test.ts"],
  },
  {
    guard: "a user's refused webhooks are limited",
    file: "src/http/webhook.ts",
    find: "if (!(await withinLimit(env.REFUSED_WEBHOOKS, userId, nowMs))) throw tooMany();",
    replace: "",
    tests: ["test/http/webhook.test.ts"],
  },
  {
    guard: "an address that calls the webhook URLs of unknown users is limited",
    file: "src/http/webhook.ts",
    find: "(await withinLimit(env.STRANGERS, stranger, nowMs)) &&",
    replace: "",
    tests: ["test/storage/edge.test.ts"],
  },
  {
    guard: "unsigned webhooks are limited",
    file: "src/http/webhook.ts",
    find: 'if (isHint && !(await withinLimit(env.UNSIGNED_WEBHOOKS, userId, nowMs))) throw tooMany("unsigned");',
    replace: "",
    tests: ["test/http/callback-trust.test.ts"],
  },
];

const mirror: Topic = [
  {
    guard: "a change of the connection is sent to Aurora",
    file: "src/tenant/runtime.ts",
    find: "this.mirror.note(change, { userId: caller.userId, orgId: caller.orgId });",
    replace: "",
    tests: ["test/flows/mirror.test.ts"],
  },
  {
    guard: "a disconnect is reported to Aurora",
    file: "src/tenant/runtime.ts",
    find: '(caller) => this.mirror.note("disconnect", caller)',
    replace: "() => undefined",
    tests: ["test/flows/mirror.test.ts"],
  },
  {
    guard: "Aurora's answer to an earlier change does not settle the latest one",
    file: "src/aurora/mirror-state.ts",
    find: "if (pending?.id !== sent.id) return state;",
    replace: "if (pending === null) return state;",
    tests: ["test/aurora/mirror-state.test.ts"],
  },
  {
    guard: "an API key of the EU region is not sent to Aurora, which accepts only the US region",
    file: "src/aurora/mirror.ts",
    find: 'if (region !== "us") return "region";',
    replace: "",
    tests: ["test/flows/mirror.test.ts"],
  },
  {
    guard: "a call that another connector made is refused",
    file: "src/http/app.ts",
    find: "  .use(refuseLoops)\n",
    replace: "",
    tests: ["test/http/loop.test.ts"],
  },
  {
    guard: "a webhook that another connector sent is refused",
    file: "src/http/app.ts",
    find: "    refuseLoop(request, env);\n",
    replace: "",
    tests: ["test/http/loop.test.ts"],
  },
  {
    guard: "every call to Aurora is marked as the connector's",
    file: "src/aurora/calls.ts",
    find: '    [EDGE_HEADER]: "1",\n',
    replace: "",
    tests: ["test/aurora/calls.test.ts"],
  },
];

const notes: Topic = [
  {
    guard: "two requests with the same idempotency key write one note",
    file: "src/notes/outbox.ts",
    find: "idempotencyKey === null ? null : noteByKey(sql, incidentId, idempotencyKey)",
    replace: "null as ReturnType<typeof noteByKey>",
    tests: ["test/flows/notes.test.ts"],
  },
  {
    guard: "an idempotency key that is used again with different content is a conflict",
    file: "src/notes/outbox.ts",
    find: "if (known && known.requestHash !== requestHash) {",
    replace: 'if (known?.requestHash === "") {',
    tests: ["test/flows/notes.test.ts"],
  },
  {
    guard: "if PagerDuty's answer to a note was lost, the note is searched for before it is written again",
    file: "src/notes/outbox.ts",
    find: "if (doubtful === 1) {",
    replace: "if (doubtful === 2) {",
    tests: ["test/flows/notes.test.ts"],
  },
  {
    guard: "a note's link leads to Aurora",
    file: "src/http/notes.ts",
    find: "if (URL.parse(url)?.origin === URL.parse(frontendUrl)?.origin) return url;",
    replace: "if (URL.canParse(url)) return url;",
    tests: ["test/flows/notes.test.ts"],
  },
  {
    guard: "the number of an incident's notes in an hour is limited",
    file: "src/notes/outbox.ts",
    find: 'this.#checkRate(incidentId, MAX_AN_HOUR_ON_AN_INCIDENT, "for this incident", nowMs);',
    replace: "",
    tests: ["test/flows/notes.test.ts"],
  },
];

const secrets: Topic = [
  {
    guard: "a stored connection of an unknown shape does not keep its object from starting",
    file: "src/connection/store.ts",
    find: 'throw new SealError("unknown_shape")',
    replace: "throw parsed.error",
    tests: ["test/storage/connection-store.test.ts"],
  },
  {
    guard: "text that looks like a secret is redacted",
    file: "src/log.ts",
    find: 'return text.replace(SECRET_VALUE, "[redacted]");',
    replace: "return text;",
    tests: ["test/aurora/answer.test.ts"],
  },
  {
    guard: "a log field that is named like a secret is redacted",
    file: "src/log.ts",
    find: "if (SECRET_KEY.test(key)) cleaned",
    replace: 'if (key === "") cleaned',
    tests: ["test/http/request-log.test.ts"],
  },
  {
    guard: "secrets that Aurora shares with the connector are redacted in Aurora's answers",
    file: "src/aurora/calls.ts",
    find: "[...target.secrets, ...(call.secrets ?? [])]",
    replace: "call.secrets ?? []",
    tests: ["test/aurora/calls.test.ts"],
  },
  {
    guard: "the connector's credential is redacted in PagerDuty's errors",
    file: "src/pagerduty/api.ts",
    find: "const message = cleaned(errorMessage(text), target);",
    replace: "const message = errorMessage(text);",
    tests: ["test/pagerduty/context.test.ts"],
  },
  {
    guard: "a secret in a monitoring tool's payload is redacted",
    file: "src/incidents/context-trim.ts",
    find: "Context.parse(withoutSecretValues(storableJson(short)))",
    replace: "Context.parse(storableJson(short))",
    tests: ["test/incidents/context-trim.test.ts"],
  },
  {
    guard: "a value is redacted if the name of its member says that it is a secret",
    file: "src/incidents/secret-names.ts",
    find: "isSecret(name, member) || isNamedSecret(name, value)",
    replace: "isNamedSecret(name, value)",
    tests: ["test/incidents/secret-names.test.ts"],
  },
];

/** The mutants by topic, in the order of the printed table. */
export const TOPICS: Readonly<Record<string, Topic>> = {
  signature,
  "tenant isolation": isolation,
  permission,
  dedupe,
  order,
  retries,
  "CSRF and Access": console,
  "calls out": outbound,
  "sign-in": signIn,
  limits,
  "mirror and loop": mirror,
  notes,
  secrets,
};

export const MUTANTS: readonly Mutant[] = Object.values(TOPICS).flat();
