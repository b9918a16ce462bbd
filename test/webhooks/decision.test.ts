import { expect, test } from "vitest";
import { type Candidate, decide, type Judgement } from "../../src/webhooks/decision.ts";

/** `decide` says which of a webhook URL's tenants accept a webhook that the edge could not verify. */

const REF = { connectionId: "c", account: null, sealed: "sealed" };
const hint = (ownsSubscription = false): Judgement => ({
  verdict: "unverifiable",
  ...REF,
  ownsSubscription,
});
const refused = (ownsSubscription = false): Judgement => ({
  verdict: "refused",
  reason: "the signing secret does not match",
  ownsSubscription,
});
const genuine: Judgement = { verdict: "genuine", secretId: "s", ...REF };
const unreadable: Judgement = { verdict: "unreadable" };
const unsettled: Judgement = { verdict: "unsettled" };
const absent: Judgement = { verdict: "not_connected" };

/** Names the tenants t0, t1, … in the order of their judgements. */
const decided = (...judgements: Judgement[]) => {
  const candidates = judgements.map((judgement, index): Candidate => ({ tenantId: `t${index}`, judgement }));
  const decision = decide(candidates);
  return decision.decision === "accepted"
    ? decision.accepted.map(({ tenantId, shared }) => `${tenantId}${shared ? " shared" : ""}`)
    : decision.decision;
};

test.each<[string, Judgement[], string | string[]]>([
  ["the tenant whose secret made the signature", [hint(), unreadable, genuine], ["t2"]],
  [
    "only the tenant with the first id, if several tenants have the secret",
    [hint(), genuine, genuine],
    ["t1"],
  ],
  ["the only connected tenant, which has no secret", [absent, hint()], ["t1"]],
  [
    "all tenants without a secret, which share the hint",
    [hint(), absent, hint()],
    ["t0 shared", "t2 shared"],
  ],
  [
    "a tenant without a secret, as a shared hint, because another tenant refused the webhook",
    [refused(), hint()],
    ["t1 shared"],
  ],
  ["the tenant whose subscription the webhook names", [hint(), hint(true), refused()], ["t1"]],
  ["no tenant, if the owner of the named subscription refuses it", [hint(), refused(true)], "refused"],
  ["the subscription's owner, though another connection cannot be opened", [unreadable, hint(true)], ["t1"]],
  [
    "a tenant without a secret, although another connection cannot be opened",
    [unreadable, hint()],
    ["t1 shared"],
  ],
  [
    "no tenant yet, if one connection cannot be opened and all others refuse the webhook",
    [unreadable, refused()],
    "undecided",
  ],
  ["no tenant yet, while a connection is being changed", [unsettled, hint()], "undecided"],
  ["no tenant, if none is connected", [absent, absent], "not_connected"],
])("a webhook is given to %s", (_, judgements, expected) => {
  expect(decided(...judgements)).toEqual(expected);
});
