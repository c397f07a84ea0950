import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { espProposal, ikeProposal, offer } from "../../../src/ike/suite/proposal.ts";
import { answerProposal, matchAnswer, selectProposal } from "../../../src/ike/suite/select.ts";
import { ENCRYPTIONS, GROUPS, PRFS } from "../../../src/ike/suite/transform.ts";
import type { Attribute, Proposal, Transform } from "../../../src/ike/wire/sa.ts";
import { proposal as anyProposal } from "./arbitrary.ts";
import { hex } from "./vectors.ts";

const nothing = hex("");
const spi = hex("c0ffee01");
const ours = hex("0a0b0c0d");

const t = (type: number, id: number, ...attributes: Attribute[]): Transform => ({ type, id, attributes });
const gcm = (bits: number) => t(1, 20, { type: 14, value: bits });
const chacha = t(1, 28);
const ike = (...transforms: Transform[]): Proposal => ({ number: 1, protocol: 1, spi: nothing, transforms });
const esp = (...transforms: Transform[]): Proposal => ({ number: 1, protocol: 3, spi, transforms });

describe("the responder", () => {
  it("goes by its own order, not the peer's, and answers with one transform of each type", () => {
    const wanted = ["chacha20poly1305-sha256-x25519", "aes256gcm16-sha384-ecp384"].map(ikeProposal);
    const offered = offer([...wanted].reverse(), nothing);
    const selected = selectProposal(offered, wanted);
    expect(selected).toMatchObject({ protocol: "ike", number: 2, name: wanted[0].name, prf: PRFS.sha256 });
    expect(selected?.group).toBe(GROUPS.x25519);
    expect(answerProposal(selected!, nothing)).toEqual({ ...offered[1] });
  });

  it("picks one suite out of a proposal that lists several of each", () => {
    const big = ike(gcm(128), gcm(256), chacha, t(2, 5), t(2, 6), t(2, 7), t(4, 14), t(4, 19), t(4, 31));
    const selected = selectProposal([big], [ikeProposal("aes256gcm16-sha512-ecp256")]);
    expect(selected?.transforms).toEqual([gcm(256), t(2, 7), t(4, 19)]);
    expect(selected?.encryption).toBe(ENCRYPTIONS.aes256gcm16);
  });

  it.each([
    ["another key length", ike(gcm(192), t(2, 5), t(4, 31))],
    ["no key length", ike(t(1, 20), t(2, 5), t(4, 31))],
    ["a key length in the long form", ike(t(1, 20, { type: 14, value: hex("0080") }), t(2, 5), t(4, 31))],
    ["an unknown attribute", ike(t(1, 20, { type: 14, value: 128 }, { type: 15, value: 1 }), t(2, 5), t(4, 31))],
    ["a PRF with an attribute", ike(gcm(128), t(2, 5, { type: 14, value: 256 }), t(4, 31))],
    ["another group", ike(gcm(128), t(2, 5), t(4, 14))],
    ["no group", ike(gcm(128), t(2, 5))],
    ["no group but NONE", ike(gcm(128), t(2, 5), t(4, 0))],
    ["no PRF", ike(gcm(128), t(4, 31))],
    ["an integrity algorithm beside an AEAD", ike(gcm(128), t(2, 5), t(3, 12), t(4, 31))],
    ["a transform type that we don't know", ike(gcm(128), t(2, 5), t(4, 31), t(6, 36))],
    ["an SPI where none belongs", { ...ike(gcm(128), t(2, 5), t(4, 31)), spi }],
    ["another protocol", { ...ike(gcm(128), t(2, 5), t(4, 31)), protocol: 3 }],
    ["nothing", ike()],
  ])("refuses an IKE proposal with %s", (_, proposal) => {
    const wanted = [ikeProposal("aes128gcm16-sha256-x25519")];
    expect(selectProposal([ike(gcm(128), t(2, 5), t(4, 31))], wanted)).toBeDefined();
    expect(selectProposal([proposal], wanted)).toBeUndefined();
    // One bad proposal does not spoil the others (§3.3.6).
    const good = { ...ike(gcm(128), t(2, 5), t(4, 31)), number: 2 };
    expect(selectProposal([proposal, good], wanted)?.number).toBe(2);
  });

  it("answers NONE where an AEAD is offered with the integrity algorithm NONE", () => {
    const selected = selectProposal(
      [ike(gcm(128), t(2, 5), t(3, 12), t(3, 0), t(4, 31))],
      [ikeProposal("aes128gcm16-sha256-x25519")],
    );
    expect(selected?.transforms).toEqual([gcm(128), t(2, 5), t(4, 31), t(3, 0)]);
  });

  it("wants an SPI of 8 bytes when an IKE SA is rekeyed", () => {
    const wanted = [ikeProposal("aes128gcm16-sha256-x25519")];
    const offered = offer(wanted, hex("0102030405060708"));
    expect(selectProposal(offered, wanted)).toBeUndefined();
    expect(selectProposal(offered, wanted, { spiLength: 8 })?.spi).toEqual(hex("0102030405060708"));
  });

  it("agrees on 64-bit sequence numbers when both can, and on 32-bit ones when one can't", () => {
    const both = [espProposal("aes128gcm16")];
    const short = [espProposal("aes128gcm16-noesn")];
    expect(selectProposal(offer(both, spi), both)?.esn).toBe(true);
    expect(selectProposal(offer(short, spi), both)?.esn).toBe(false);
    expect(selectProposal(offer(both, spi), short)?.esn).toBe(false);
    expect(selectProposal([esp(gcm(128), t(5, 1))], short)).toBeUndefined();
    expect(selectProposal([esp(gcm(128))], both)).toBeUndefined();
  });

  it("takes the group of a Child SA as seriously as it is configured", () => {
    const pfs = [espProposal("aes128gcm16-x25519")];
    const plain = [espProposal("aes128gcm16")];
    expect(selectProposal(offer(pfs, spi), pfs)?.group).toBe(GROUPS.x25519);
    expect(selectProposal(offer(plain, spi), pfs)).toBeUndefined();
    expect(selectProposal(offer(pfs, spi), plain)).toBeUndefined();
    const optional = esp(gcm(128), t(4, 31), t(4, 0), t(5, 0));
    expect(selectProposal([optional], plain)).toMatchObject({
      group: undefined,
      transforms: [gcm(128), t(5, 0), t(4, 0)],
    });
    expect(selectProposal([optional], pfs)?.group).toBe(GROUPS.x25519);
  });

  it("leaves groups out of account in IKE_AUTH", () => {
    const pfs = [espProposal("aes128gcm16-x25519")];
    for (const offered of [offer(pfs, spi), offer(pfs, spi, { pfs: false })]) {
      const selected = selectProposal(offered, pfs, { pfs: false });
      expect(selected).toMatchObject({ group: undefined, transforms: [gcm(128), t(5, 1)] });
    }
  });
});

describe("the initiator", () => {
  const names = ["chacha20poly1305-x25519", "aes256gcm16-ecp256", "aes128gcm16-noesn"];
  const offered = names.map(espProposal);
  const answer = (number: number, ...transforms: Transform[]) => [{ ...esp(...transforms), number }];

  it("recognises what the responder chose", () => {
    expect(matchAnswer(answer(1, chacha, t(4, 31), t(5, 1)), offered)).toMatchObject({
      name: names[0],
      esn: true,
      spi,
    });
    expect(matchAnswer(answer(2, gcm(256), t(4, 19), t(5, 0)), offered)).toMatchObject({ name: names[1], esn: false });
    expect(matchAnswer(answer(3, gcm(128), t(5, 0)), offered)?.group).toBeUndefined();
    expect(matchAnswer(answer(1, chacha, t(5, 1)), offered, { pfs: false })).toMatchObject({ name: names[0] });
  });

  it.each([
    ["a number that was not offered", answer(4, gcm(128), t(5, 0))],
    ["number 0", answer(0, gcm(128), t(5, 0))],
    ["the transforms of another proposal", answer(3, gcm(256), t(4, 19), t(5, 0))],
    ["sequence numbers that were not offered", answer(3, gcm(128), t(5, 1))],
    ["no group although one was offered", answer(1, chacha, t(5, 1))],
    ["a group that was not offered", answer(3, gcm(128), t(4, 31), t(5, 0))],
    ["two ciphers", answer(3, gcm(128), gcm(256), t(5, 0))],
    ["both sequence number lengths", answer(2, gcm(256), t(4, 19), t(5, 0), t(5, 1))],
    ["two proposals", [...answer(3, gcm(128), t(5, 0)), ...answer(3, gcm(128), t(5, 0))]],
    ["no proposal", []],
    ["no SPI", [{ ...esp(gcm(128), t(5, 0)), number: 3, spi: nothing }]],
    ["an SPI of 8 bytes", [{ ...esp(gcm(128), t(5, 0)), number: 3, spi: hex("0102030405060708") }]],
    ["the protocol AH", [{ ...esp(gcm(128), t(5, 0)), number: 3, protocol: 2 }]],
  ])("refuses an answer with %s", (_, proposals) => {
    expect(matchAnswer(proposals, offered)).toBeUndefined();
  });
});

it("two sides with any preferences agree on the same suite, or both on none", () => {
  const names = Object.keys(ENCRYPTIONS).flatMap((cipher) =>
    ["", "-x25519", "-ecp384", "-noesn", "-ecp384-noesn"].map((tail) => cipher + tail),
  );
  const list = fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(list, list, fc.boolean(), (a, b, pfs) => {
      const initiator = a.map(espProposal);
      const chosen = selectProposal(offer(initiator, spi, { pfs }), b.map(espProposal), { pfs });
      if (chosen === undefined) {
        const suites = (list: string[]) => list.map((name) => name.replace("-noesn", "").split(pfs ? "#" : "-")[0]);
        expect(suites(a).filter((suite) => suites(b).includes(suite))).toEqual([]);
        return;
      }
      const matched = matchAnswer([answerProposal(chosen, ours)], initiator, { pfs });
      expect(matched).toMatchObject({ encryption: chosen.encryption, group: chosen.group, esn: chosen.esn, spi: ours });
    }),
    { numRuns: 500, interruptAfterTimeLimit: 5000 },
  );
});

it("never chooses what was not offered, whatever the offer", () => {
  const wanted = [espProposal("aes128gcm16"), espProposal("chacha20poly1305-x25519")];
  fc.assert(
    fc.property(fc.array(anyProposal, { maxLength: 8 }), (offered) => {
      const chosen = selectProposal(offered, wanted);
      if (chosen === undefined) return;
      const from = offered.filter(({ number }) => number === chosen.number);
      expect(from.some(({ transforms }) => chosen.transforms.every((x) => transforms.some((y) => y.id === x.id)))).toBe(
        true,
      );
    }),
    { numRuns: 300, interruptAfterTimeLimit: 5000 },
  );
});
