import { expect, test } from "vitest";
import { withMembership } from "../../src/tenant/memberships.ts";

const list = (...ids: string[]) =>
  ids.map((id) => ({ tenantId: id.replace("*", ""), pinned: id.endsWith("*") }));
const ids = (memberships: readonly { tenantId: string }[]) => memberships.map(({ tenantId }) => tenantId);

test("the organisation called for last comes first", () => {
  const { kept, pushedOut } = withMembership(list("a", "b", "c"), "b");
  expect([ids(kept), pushedOut]).toEqual([["b", "a", "c"], []]);
});

test("of six organisations the one called for longest ago is pushed out", () => {
  const { kept, pushedOut } = withMembership(list("a", "b", "c", "d", "e"), "f");
  expect([ids(kept), pushedOut]).toEqual([["f", "a", "b", "c", "d"], ["e"]]);
});

test("an organisation whose subscription carries the URL is never pushed out", () => {
  const { kept, pushedOut } = withMembership(list("a", "b", "c", "d", "e*"), "f");
  expect([ids(kept), pushedOut]).toEqual([["f", "a", "b", "c", "e"], ["d"]]);
  const all = withMembership(list("a*", "b*", "c*", "d*", "e*"), "f");
  expect([ids(all.kept), all.pushedOut]).toEqual([["f", "a", "b", "c", "d", "e"], []]);
});

test("a call keeps the mark of an organisation whose subscription carries the URL", () => {
  expect(withMembership(list("a", "b*"), "b").kept).toEqual(list("b*", "a"));
});
