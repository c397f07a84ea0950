import { expect, it } from "vitest";
import { espProposal, ikeProposal, offer } from "../../../src/ike/suite/proposal.ts";
import { ENCRYPTIONS, GROUPS, groupOf, PRFS } from "../../../src/ike/suite/transform.ts";
import { hex } from "./vectors.ts";

const nothing = hex("");
const key = (value: number) => [{ type: 14, value }];

it("knows every combination of cipher, prf and group by name", () => {
  for (const cipher of Object.keys(ENCRYPTIONS)) {
    for (const prf of Object.keys(PRFS)) {
      for (const group of Object.keys(GROUPS)) {
        const proposal = ikeProposal(`${cipher}-${prf}-${group}`);
        expect([proposal.encryption.name, proposal.prf.name, proposal.group.name]).toEqual([cipher, prf, group]);
      }
      expect(espProposal(cipher)).toMatchObject({ encryption: ENCRYPTIONS[cipher as "aes128gcm16"], group: undefined });
    }
  }
});

it.each([
  "",
  "chacha20poly1305",
  "chacha20poly1305-sha256",
  "chacha20poly1305-sha256-x25519-noesn",
  "chacha20poly1305-x25519-sha256",
  "aes128gcm16-sha1-ecp256",
  "aes128cbc-sha256-ecp256",
  "CHACHA20POLY1305-sha256-x25519",
  "constructor-sha256-x25519",
  "aes128gcm16-toString-ecp256",
])('refuses "%s" as an IKE proposal and says what there is', (name) => {
  expect(() => ikeProposal(name)).toThrow(expect.objectContaining({ code: "unknown-proposal" }));
  expect(() => ikeProposal(name)).toThrow(/x25519/);
});

it.each([
  "",
  "noesn",
  "aes128gcm16-sha256",
  "aes128gcm16-x25519-ecp256",
  "aes128gcm16-",
  "aes128gcm16-esn",
  "__proto__",
])('refuses "%s" as an ESP proposal and says what there is', (name) => {
  expect(() => espProposal(name)).toThrow(expect.objectContaining({ code: "unknown-proposal" }));
  expect(() => espProposal(name)).toThrow(/chacha20poly1305/);
});

it("offers an IKE proposal with IANA's numbers", () => {
  const wanted = ["aes256gcm16-sha384-ecp384", "chacha20poly1305-sha512-x25519"].map(ikeProposal);
  expect(offer(wanted, nothing)).toEqual([
    {
      number: 1,
      protocol: 1,
      spi: nothing,
      transforms: [
        { type: 1, id: 20, attributes: key(256) },
        { type: 2, id: 6, attributes: [] },
        { type: 4, id: 20, attributes: [] },
      ],
    },
    {
      number: 2,
      protocol: 1,
      spi: nothing,
      transforms: [
        { type: 1, id: 28, attributes: [] },
        { type: 2, id: 7, attributes: [] },
        { type: 4, id: 31, attributes: [] },
      ],
    },
  ]);
});

it("offers an ESP proposal with both sequence number lengths, and the group only where KE payloads go", () => {
  const spi = hex("01020304");
  const esn = (id: number) => ({ type: 5, id, attributes: [] });
  const cipher = { type: 1, id: 20, attributes: key(128) };
  const wanted = [espProposal("aes128gcm16-ecp256")];
  expect(offer(wanted, spi)[0].transforms).toEqual([cipher, { type: 4, id: 19, attributes: [] }, esn(1), esn(0)]);
  expect(offer(wanted, spi, { pfs: false })).toEqual([
    { number: 1, protocol: 3, spi, transforms: [cipher, esn(1), esn(0)] },
  ]);
  expect(offer([espProposal("aes128gcm16-noesn")], spi)[0].transforms).toEqual([cipher, esn(0)]);
});

it("finds a group by its number", () => {
  expect([19, 20, 31].map((id) => groupOf(id)?.name)).toEqual(["ecp256", "ecp384", "x25519"]);
  expect(groupOf(14)).toBeUndefined();
});
