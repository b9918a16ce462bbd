import { expect, test } from "vitest";
import { withMembership } from "../../src/tenant/memberships.ts";

const list = (...ids: string[]) =>
  ids.map((id) => ({ tenantId: id.replace("*", ""), pinned: id.endsWith("*") }));
const ids = (memberships: readonly { tenantId: string }[]) => memberships.map(({ tenantId }) => tenantId);

test("the organisation of the latest call is first", () => {
  const { kept, pushedOut } = withMembership(list("a", "b", "c"), "b");
  expect([ids(kept), pushedOut]).toEqual([["b", "a", "c"], []]);
});

test("of six organisations the one with the oldest call is dropped", () => {
  const { kept, pushedOut } = withMembership(list("a", "b", "c", "d", "e"), "f");
  expect([ids(kept), pushedOut]).toEqual([["f", "a", "b", "c", "d"], ["e"]]);
});

test("an organisation whose subscription has the URL is never dropped", () => {
  const { kept, pushedOut } = withMembership(list("a", "b", "c", "d", "e*"), "f");
  expect([ids(kept), pushedOut]).toEqual([["f", "a", "b", "c", "e"], ["d"]]);
  const all = withMembership(list("a*", "b*", "c*", "d*", "e*"), "f");
  expect([ids(all.kept), all.pushedOut]).toEqual([["f", "a", "b", "c", "d", "e"], []]);
});

test("a call keeps an organisation pinned whose subscription has the URL", () => {
  expect(withMembership(list("a", "b*"), "b").kept).toEqual(list("b*", "a"));
});
