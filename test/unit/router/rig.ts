/** A router on a fake datapath and a fake host, with the real IKE core. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { readConfig } from "../../../src/router/config/read.ts";
import { type OpenRouter, openRouter } from "../../../src/router/open.ts";
import { FakeHost } from "./fakehost.ts";
import { FakePlane } from "./fakeplane.ts";
import { silent } from "./silent.ts";

export interface Rig {
  readonly root: string;
  readonly file: string;
  readonly host: FakeHost;
  readonly plane: FakePlane;
  opened: OpenRouter;
  /** Writes the file anew. */
  write(text: string): void;
  failures: number;
  /** See RouterParts. */
  readonly turned: string[][];
}

/** TUN devices of the datapath appear on the host, and go from it, as real ones do. */
export function connected(plane: FakePlane, host: FakeHost): void {
  const { addTun, removeTun } = plane;
  plane.addTun = (name, vrf) => {
    const adjacency = addTun.call(plane, name, vrf);
    host.makeTun(name);
    return adjacency;
  };
  plane.removeTun = (adjacency) => {
    const name = plane.tuns.get(adjacency)?.name;
    removeTun.call(plane, adjacency);
    if (name !== undefined) host.removeLink(name);
  };
}

/** What the tests of this file have made. */
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export async function rig(
  text: string,
  options: { root?: string; host?: FakeHost; plane?: FakePlane } = {},
): Promise<Rig> {
  const root = options.root ?? mkdtempSync(join(tmpdir(), "vcpe-router-"));
  folders.push(root);
  const { host = new FakeHost(), plane = new FakePlane() } = options;
  connected(plane, host);
  const folder = join(root, "etc");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${/name: (\S+)/.exec(text)?.[1]}.yaml`);
  const write = (now: string) => writeFileSync(file, now, { mode: 0o600 });
  write(text);
  const made: Rig = {
    root,
    file,
    host,
    plane,
    write,
    failures: 0,
    turned: [],
    opened: undefined as unknown as OpenRouter,
  };
  made.opened = await openRouter({
    file,
    read: readConfig(file),
    state: join(root, "kept"),
    log: silent,
    turned: (tunnels) => void made.turned.push([...tunnels]),
    failed: () => {
      made.failures++;
    },
    root: join(root, "run"),
    host,
    plane: async () => plane,
  });
  return made;
}

/** Two datapaths side by side: what one sends, the other receives, a moment later and in order. */
export function wire(a: { plane: FakePlane; address: Uint8Array }, b: { plane: FakePlane; address: Uint8Array }): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.plane.sendIke = (datagram) => {
      from.plane.sent.push(datagram);
      const { local, remote, bytes } = datagram;
      setImmediate(() => to.plane.onIke({ local: remote, remote: local, bytes: bytes.slice() }));
      return true;
    };
  }
}

/** Waits until something is so; throws after a time that even a machine busy with others does not need. */
export async function until(what: () => boolean): Promise<void> {
  const limit = performance.now() + 15_000;
  while (!what()) {
    if (performance.now() > limit) throw new Error(`still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
