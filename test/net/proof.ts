/** What routers of a tutorial's region prove themselves by. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "../../src/lab/status.ts";
import type { Tutorial } from "../../src/lab/tutorial/tutorial.ts";

export interface Identity {
  readonly certificate: X509Certificate;
  readonly key: string;
}

/** Of a place: its certificate, and the private key to it. */
export function identityAt({ region }: Tutorial, place: string, serial: string): Identity {
  const path = join(region.folder(`host-${place}`), serial, "identity.json");
  const { chain, key } = JSON.parse(readFileSync(path, "utf8")) as { chain: string[]; key: string };
  return { certificate: new X509Certificate(chain[0]!), key };
}

/** The IKE SA of a router's tunnel: its SPIs, and when the certificate expires by which the peer has proved who it is. */
export async function ikeSa(router: string, tunnel: string): Promise<{ spis: string; until: number } | undefined> {
  const ike = (await status(router)).tunnels.find(({ name }) => name === tunnel)?.ike;
  return ike ? { spis: `${ike.spiLocal} ${ike.spiRemote}`, until: Date.parse(ike.auth.notAfter ?? "") } : undefined;
}
