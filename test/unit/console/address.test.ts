import { expect, it } from "vitest";
import { clientKey, clientNetwork } from "../../../src/console/address.ts";

it.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8::1", "2001:db8::/64"],
  ["2001:0DB8:0:0:1::", "2001:db8::/64"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["fe80::1%eth0", "fe80::/64"],
  ["::1", "::/64"],
])("takes %s for %s", (address, key) => expect(clientKey(address)).toBe(key));

it.each([
  ["192.0.2.77", "192.0.2.0/24"],
  ["::ffff:192.0.2.1", "192.0.2.0/24"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"],
  ["2001:db8::1", "2001:db8::/48"],
  ["fe80::1%eth0", "fe80::/48"],
])("takes %s to be in the network %s", (address, network) => expect(clientNetwork(address)).toBe(network));
