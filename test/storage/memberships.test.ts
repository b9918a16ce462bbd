import fc from "fast-check";
import { expect, test } from "vitest";
import { withMembership } from "../../src/tenant/memberships.ts";

const list = (...ids: string[]) =>
  ids.map((id) => ({ tenantId: id.replace("*", ""), pinned: id.endsWith("*") }));
const ids = (memberships: readonly { tenantId: string }[]) => memberships.map(({ tenantId }) => tenantId);

test("the organisation of a user's latest call is first in the user's list", () => {
  const { kept, pushedOut } = withMembership(list("a", "b", "c"), "b");
  expect([ids(kept), pushedOut]).toEqual([["b", "a", "c"], []]);
});

test("if a user has called the API for six organisations, the organisation with the oldest call is dropped from the list", () => {
  const { kept, pushedOut } = withMembership(list("a", "b", "c", "d", "e"), "f");
  expect([ids(kept), pushedOut]).toEqual([["f", "a", "b", "c", "d"], ["e"]]);
});

test("an organisation whose subscription has the user's webhook URL is never dropped", () => {
  const { kept, pushedOut } = withMembership(list("a", "b", "c", "d", "e*"), "f");
  expect([ids(kept), pushedOut]).toEqual([["f", "a", "b", "c", "e"], ["d"]]);
  const all = withMembership(list("a*", "b*", "c*", "d*", "e*"), "f");
  expect([ids(all.kept), all.pushedOut]).toEqual([["f", "a", "b", "c", "d", "e"], []]);
});

test("an organisation that is pinned, because its subscription has the user's webhook URL, stays pinned after a call for it", () => {
  expect(withMembership(list("a", "b*"), "b").kept).toEqual(list("b*", "a"));
});

test("withMembership puts the organisation of the call first, keeps pinned organisations pinned, and reports each dropped organisation", () => {
  const membership = fc.record({ tenantId: fc.stringMatching(/^[a-p]$/), pinned: fc.boolean() });
  const any = fc.uniqueArray(membership, { selector: ({ tenantId }) => tenantId });
  fc.assert(
    fc.property(any, fc.stringMatching(/^[a-p]$/), (before, called) => {
      const { kept, pushedOut } = withMembership(before, called);
      expect(ids(kept)[0]).toBe(called);
      expect([...ids(kept), ...pushedOut].sort()).toEqual([...new Set([...ids(before), called])].sort());
      const pinned = kept.filter((one) => one.pinned);
      expect(ids(pinned).sort()).toEqual(ids(before.filter((one) => one.pinned)).sort());
      expect(kept.length).toBeLessThanOrEqual(Math.max(5, pinned.length + 1));
    }),
  );
});
