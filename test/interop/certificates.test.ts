/** Our router and strongSwan prove themselves with certificates: each kind of key, both roles, messages in fragments, refusals. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { STRONGSWAN_PROGRAMS } from "../../src/lab/prerequisites.ts";
import { current, Holder, type KeyName } from "../ike/authority.ts";
import { eventually } from "../net/region.ts";
import { asRoot } from "../net/root.ts";
import { drawn, TUNNEL } from "./site.ts";

/** Who begins, the kind of key, and what strongSwan calls a signature by it. */
const CASES: readonly (readonly ["we" | "they", KeyName, RegExp])[] = [
  ["we", "ed25519", /ED25519/],
  ["they", "ed25519", /ED25519/],
  ["we", "p256", /ECDSA_WITH_SHA256_DER/],
  ["they", "p384", /ECDSA_WITH_SHA384_DER/],
  ["they", "rsa", /RSA_EMSA_(PSS|PKCS1).*SHA2?_(256|384|512)/],
];

async function holders(key: KeyName) {
  const authority = await Holder.root("Root", { key, ...current() });
  const [edge, swan] = await Promise.all([
    authority.issue("edge.vcpe.test", { key, ...current() }),
    authority.issue("swan.vcpe.test", { key, ...current() }),
  ]);
  return { authority, edge, swan };
}

describe.skipIf(!asRoot("strongSwan with certificates", STRONGSWAN_PROGRAMS))("strongSwan with certificates", () => {
  const pair = drawn(`c${process.pid}`);

  it.each(CASES)("comes up when %s begin, with keys of %s", async (initiator, key, name) => {
    const begun = readFileSync(pair().swan.log, "utf8").length;
    await pair().connect(initiator, { certificates: await holders(key) });
    for (const result of await pair().pings(3)) expect(result.received, result.output).toBe(result.sent);
    const log = readFileSync(pair().swan.log, "utf8").slice(begun);
    const proofs = log.match(/authentication of '.*' (\(myself\) )?with .*/g) ?? [];
    expect(proofs.find((line) => line.includes("'edge.vcpe.test'"))).toMatch(name);
    expect(proofs.find((line) => line.includes("'swan.vcpe.test'"))).toMatch(name);
    expect((await pair().tunnel()).ike?.auth).toMatchObject({ kind: "certificate", subject: "CN=swan.vcpe.test" });
  });

  it("is refused with a certificate of an authority that we do not trust, and refuses ours", async () => {
    const [ours, theirs] = await Promise.all([holders("ed25519"), holders("ed25519")]);
    await pair().loadSwan({ certificates: theirs });
    await pair().startEdge({ certificates: ours, tunnel: { start: "respond" } });
    const said = await pair().swan.tryInitiate(TUNNEL);
    expect(said.stdout + said.stderr).toMatch(/AUTHENTICATION_FAILED/);
    expect((await pair().tunnel()).lastError?.message).toMatch(
      /but not its signature|not issued by a trusted authority/,
    );
    await pair().startEdge({ certificates: ours, tunnel: { start: "initiate" } });
    await eventually("our refusal", async () => (await pair().tunnel()).lastError !== undefined);
    expect((await pair().tunnel()).lastError?.message).toContain("refuses our authentication as edge.vcpe.test");
  });

  it("is refused with a key where we want a certificate", async () => {
    await pair().loadSwan();
    await pair().startEdge({ certificates: await holders("ed25519"), tunnel: { start: "respond" } });
    const said = await pair().swan.tryInitiate(TUNNEL);
    expect(said.stdout + said.stderr).toMatch(/AUTHENTICATION_FAILED/);
    expect((await pair().tunnel()).lastError?.message).toContain("uses a pre-shared key where a certificate");
  });
});
