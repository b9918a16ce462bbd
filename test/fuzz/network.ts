import fc from "fast-check";
import { CALLER_ID } from "../../src/tenant-id.ts";
import { INTERNAL_SECRET } from "../bench/subjects.ts";
import { sign, type WebhookEvent, webhookBody } from "../emulator/pagerduty.ts";
import { nastyBody, nastyText, nastyValue } from "./hostile.ts";
import { type Answered, SECRET, type Target, TOKEN, USER } from "./target.ts";

/** Attacks boundaries over the network. Each case returns its fault as text, or null. */

export interface Attack {
  name: string;
  weight: number;
  cases: fc.Arbitrary<() => Promise<string | null>>;
  /** True if the cases affect each other and must run one after the other. */
  alone?: boolean;
}

/** 502 and 503 are the only 5xx statuses that the connector documents. */
const tolerable = ({ status, text }: Answered): string | null =>
  status < 500 || status === 502 || status === 503 ? null : `${status} ${text.slice(0, 200)}`;

const refused = (answer: Answered): string | null =>
  tolerable(answer) ?? (answer.status >= 400 ? null : `accepted with ${answer.status}`);

const taken = (answer: Answered): string | null =>
  answer.status === 202 || answer.status === 413 ? null : `${answer.status} for what is genuine`;

/** A sign-in without a valid ID token must redirect to Aurora's fixed address, with the result `failed`. */
function notSignedIn(answer: Answered): string | null {
  if (answer.status !== 302 || answer.location === null) return `${answer.status} instead of a redirect`;
  const { searchParams, origin } = new URL(answer.location);
  const safe = origin === "http://aurora.example" && searchParams.get("oauth") === "failed";
  return safe ? null : `sent to ${answer.location}`;
}

const mostly = (right: unknown) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: nastyValue });

/** An answer of the token endpoint with an unsigned or malformed ID token. */
const tokens = fc.oneof(
  { weight: 1, arbitrary: nastyValue.filter((value) => typeof value !== "object") },
  {
    weight: 5,
    arbitrary: fc.record({
      access_token: mostly("access"),
      refresh_token: mostly("refresh"),
      token_type: mostly("bearer"),
      expires_in: mostly(3600),
      scope: mostly("openid incidents.read"),
      id_token: fc.oneof(
        fc.constant(unsigned({ sub: "PUSER", iss: "x" })),
        nastyText,
        nastyValue.filter((value) => value !== null),
      ),
      // PagerDuty's answer to `GET /users/me` has this member. Here PagerDuty gives the same answer to every call.
      user: fc.constant({ name: "Fuzz", email: "fuzz@acme.example" }),
    }),
  },
);

function unsigned(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part(claims)}.`;
}

const pathText = nastyText.map((text) => encodeURIComponent(text.toWellFormed()));
/** The name of the attack that runs last, because its messages stay on the Queue. */
export const UNREADABLE = "messages on the Queue";
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const PATHS = [
  "",
  "/webhook-url",
  "/signing-secret",
  "/subscription",
  "/subscription/ping",
  "/subscription/enable",
];
PATHS.push("/incidents", "/events", "/events/retry", "/deliveries", "/deliveries/redeliver", "/oauth/login");
const FIELDS = ["token", "displayName", "region", "subscribe", "secret", "filter", "events", "ids"];
const QUERY = ["limit", "cursor", "state", "status", "filter", "code", "error"];

const apiBody = fc.oneof(
  fc.dictionary(fc.constantFrom(...FIELDS), nastyValue).map((body) => JSON.stringify(body)),
  nastyText,
  fc.constant("{}"),
);
const query = fc
  .dictionary(fc.constantFrom(...QUERY), nastyText)
  .map(
    (given) => new URLSearchParams(Object.entries(given).map(([name, text]) => [name, text.toWellFormed()])),
  );
const headers = fc.dictionary(
  fc.constantFrom(
    ...[
      "x-webhook-id",
      "x-pagerduty-signature",
      "x-webhook-subscription",
      "content-type",
      "cf-ray",
      "origin",
    ],
    ...["x-user-id", "x-org-id", "cf-connecting-ip", "content-encoding", "x-requested-with"],
  ),
  nastyText,
);

/** Values of `X-User-ID` and `X-Org-ID`, many of them nearly valid. */
const callerId = fc
  .oneof(
    nastyText,
    fc.string({
      unit: fc.constantFrom("a", "Z", "0", ".", "@", "_", "-", "/", ":", " ", "%", "\\"),
      maxLength: 140,
    }),
    fc.constantFrom(
      "user:fuzz",
      "org:fuzz",
      "__proto__",
      "..",
      "a".repeat(128),
      "a".repeat(129),
      "-a",
      "a\tb",
    ),
  )
  .filter((text) => /^[\x20-\x7e]*$/.test(text));

export function attacks(target: Target, events: readonly WebhookEvent[]): Attack[] {
  const url = `/pagerduty/webhook/${USER}`;
  let serial = 0;
  const genuine = (body: Uint8Array<ArrayBuffer>, given: Record<string, string> = {}) =>
    target.request(
      "POST",
      url,
      { "x-webhook-id": `genuine-${++serial}`, ...given, "x-pagerduty-signature": sign(SECRET, body) },
      body,
    );
  const body = nastyBody(events);
  const [event] = events;
  const good = new TextEncoder().encode(event ? webhookBody(event) : "{}");
  return [
    {
      name: "webhooks signed over garbage",
      weight: 5,
      cases: body.map((bytes) => async () => taken(await genuine(bytes))),
    },
    {
      name: "webhooks with odd headers",
      weight: 2,
      cases: headers.map((given) => async () => taken(await genuine(good, given))),
    },
    {
      name: "forged webhooks",
      weight: 4,
      cases: fc.tuple(body, headers, fc.boolean()).map(([bytes, given, unsigned]) => async () => {
        const signature = unsigned ? {} : { "x-pagerduty-signature": sign("not the secret", bytes) };
        return refused(await target.request("POST", url, { ...given, ...signature }, bytes));
      }),
    },
    {
      name: "webhooks of strangers",
      weight: 1,
      cases: pathText.map((path) => async () => {
        if (path === USER) return null;
        const signature = { "x-pagerduty-signature": sign(SECRET, good) };
        return refused(await target.request("POST", `/pagerduty/webhook/${path}`, signature, good));
      }),
    },
    {
      name: "API calls",
      weight: 6,
      cases: fc
        .tuple(fc.constantFrom(...METHODS), fc.constantFrom(...PATHS), pathText, query, apiBody, fc.nat(2))
        .map(([method, path, sub, parameters, json, deep]) => async () => {
          const whole = `/pagerduty${path}${deep === 0 ? `/${sub}` : ""}?${parameters}`;
          return tolerable(await target.call(method, whole, json, "api"));
        }),
    },
    {
      name: "callers without the secret",
      weight: 2,
      cases: fc
        .tuple(fc.constantFrom(...PATHS), headers, nastyText)
        .map(([path, given, secret]) => async () => {
          const wrong = { ...given, "x-internal-secret": secret, "x-user-id": USER };
          return refused(await target.request("GET", `/pagerduty${path}`, wrong, null));
        }),
    },
    {
      name: "OAuth callbacks",
      weight: 2,
      cases: query.map((parameters) => async () => {
        return notSignedIn(await target.request("GET", `/pagerduty/oauth/callback?${parameters}`, {}, null));
      }),
    },
    {
      name: "OAuth sign-ins",
      weight: 1,
      alone: true,
      cases: fc
        .tuple(fc.constantFrom(200, 200, 200, 400, 500), tokens, nastyText)
        .map((given) => async () => {
          const [status, body, code] = given;
          const login = await target.call("POST", "/pagerduty/oauth/login", "{}", "signing-in");
          const state = /[?&]state=([^&"]+)/.exec(login.text)?.[1];
          if (state === undefined) return `no sign-in: ${login.status} ${login.text}`;
          target.hostile = {
            status,
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body),
          };
          try {
            const query = `code=${encodeURIComponent(code.toWellFormed())}&state=${state}`;
            return notSignedIn(await target.request("GET", `/pagerduty/oauth/callback?${query}`, {}, null));
          } finally {
            target.hostile = null;
          }
        }),
    },
    {
      name: "copies in KV",
      weight: 1,
      alone: true,
      cases: fc.tuple(nastyText, fc.nat(3), fc.nat(200)).map(([text, kind, at]) => async () => {
        const key = `/connection:user:${USER}`;
        const sealed = target.platform.valueOf(key)?.toString();
        if (sealed === undefined) return "KV has no copy";
        const copies = [
          text,
          `k1.${text}.${text}`,
          `${sealed.slice(0, at)}A${sealed.slice(at + 1)}`,
          sealed.slice(0, at),
        ];
        target.platform.put(key, Buffer.from(copies[kind] ?? ""));
        // A POST removes the user's signing secrets from the isolate's cache. For the next webhook
        // the isolate therefore reads the copy in KV.
        await target.call("POST", "/pagerduty/events/retry", "{}");
        const wrong =
          taken(await genuine(good)) ??
          refused(await target.request("POST", url, { "x-pagerduty-signature": "v1=00" }, good));
        target.platform.put(key, Buffer.from(sealed));
        return wrong;
      }),
    },
    {
      name: "PagerDuty's answers",
      weight: 2,
      alone: true,
      cases: fc
        .tuple(
          fc.constantFrom(200, 200, 200, 201, 204, 302, 400, 401, 404, 429, 500),
          nastyValue,
          query,
          fc.nat(5),
        )
        .map(([status, value, parameters, which]) => async () => {
          const reset = Array.isArray(value) && value.length === 0;
          const shaped = {
            user: value,
            incidents: value,
            webhook_subscription: value,
            services: value,
            error: value,
          };
          const text = which === 0 ? String(parameters) : JSON.stringify(which % 2 ? shaped : value);
          const empty = status === 204;
          target.hostile = reset
            ? "reset"
            : { status, headers: { "ratelimit-reset": "1" }, body: empty ? "" : text };
          try {
            const paths = ["/pagerduty/subscription", "/pagerduty/reconcile", "/pagerduty"] as const;
            const path = paths[which % paths.length] ?? "/pagerduty";
            return tolerable(await target.call("POST", path, JSON.stringify({ token: TOKEN }), "hostile"));
          } finally {
            target.hostile = null;
          }
        }),
    },
    {
      name: "members in KV",
      weight: 1,
      cases: fc.tuple(nastyValue, nastyText, fc.nat(2)).map(([value, text, kind]) => async () => {
        const user = `member-${++serial}`;
        const lists = [JSON.stringify(value), text, JSON.stringify([text, value, `org:${text}`])];
        target.platform.put(`/member:${user}`, Buffer.from(lists[kind] ?? ""));
        const signature = { "x-pagerduty-signature": sign(SECRET, good) };
        return refused(await target.request("POST", `/pagerduty/webhook/${user}`, signature, good));
      }),
    },
    {
      name: "callers' ids",
      weight: 2,
      cases: fc
        .tuple(callerId, fc.option(callerId), fc.constantFrom(...PATHS))
        .map(([user, organisation, path]) => async () => {
          const headers = {
            "x-internal-secret": INTERNAL_SECRET,
            "x-user-id": user,
            ...(organisation === null ? {} : { "x-org-id": organisation }),
          };
          const answer = await target.request("GET", `/pagerduty${path}`, headers, null);
          const ids = [user, organisation ?? ""].map((id) => id.trim());
          if (!ids.every((id) => id === "" || CALLER_ID.test(id)) || ids[0] === "") {
            return [400, 401].includes(answer.status) ? null : `${answer.status} for invalid ids`;
          }
          const sees = answer.text.includes('"connected":true') || answer.text.includes(TOKEN);
          return sees ? "a stranger sees a connection" : tolerable(answer);
        }),
    },
    {
      name: UNREADABLE,
      weight: 1,
      cases: fc.tuple(nastyValue, fc.boolean()).map(([value, shaped]) => async () => {
        const forged = {
          userId: USER,
          webhookId: "forged",
          verification: "signature",
          secretId: "x",
          body: good,
        };
        target.enqueue(shaped ? { ...forged, encoding: value } : value);
        return null;
      }),
    },
  ];
}
