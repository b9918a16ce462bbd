import { expect, test } from "vitest";
import { networkOf } from "../../src/http/trust.ts";

test.each([
  ["192.0.2.9", "192.0.2.9"],
  ["2001:db8::9", "2001:db8:0:0::/64"],
  ["2001:DB8:0:0:1:2:3:4", "2001:db8:0:0::/64"],
  ["2001:db8:0001:2::", "2001:db8:1:2::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::ffff:192.0.2.9", "::ffff:192.0.2.9"],
  ["", ""],
])("rate limits count the address %j as the network %j", (address, network) =>
  expect(networkOf(address)).toBe(network),
);
