/** A model of the datapath: which SAs can open and which one sends, made from effects alone. */
import type { ChildSa, Effect, Path } from "../../src/ike/effect.ts";

/** A copy of an installed Child SA, with the keys as they were when the effect came. */
export interface Installed {
  readonly child: ChildSa;
  readonly keyIn: string;
  readonly keyOut: string;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** The datapath of one host. */
export class Datapath {
  readonly installed = new Map<number, Installed>();
  /** Child id that sends, by "peer/child"; further copies by "peer/child/1" … */
  readonly sending = new Map<string, number>();
  readonly history: string[] = [];
  readonly keepalives: Path[] = [];
  /** The effects' own key arrays: the core must wipe them. */
  readonly keys: Uint8Array[] = [];
  releases = 0;

  apply(effect: Effect): void {
    const name = (id: number) => {
      const { child } = this.installed.get(id)!;
      return `${child.peer}/${child.child}${child.copy === 0 ? "" : `/${child.copy}`}`;
    };
    switch (effect.kind) {
      case "install": {
        const { child } = effect;
        if (this.installed.has(child.id)) throw new Error(`Child SA ${child.id} is installed twice`);
        for (const other of this.installed.values()) {
          if (other.child.inbound.spi === child.inbound.spi) throw new Error("an inbound SPI is used twice");
        }
        if (child.replaces !== undefined && !this.installed.has(child.replaces)) throw new Error("replaces nothing");
        for (const half of [child.inbound, child.outbound]) {
          if (half.key.every((byte) => byte === 0)) throw new Error("an empty key");
          this.keys.push(half.key, half.salt);
        }
        this.installed.set(child.id, {
          child,
          keyIn: hex(child.inbound.key) + hex(child.inbound.salt),
          keyOut: hex(child.outbound.key) + hex(child.outbound.salt),
        });
        if (effect.transmit) this.sending.set(name(child.id), child.id);
        break;
      }
      case "transmit":
        if (!this.installed.has(effect.id)) throw new Error(`transmit on unknown Child SA ${effect.id}`);
        this.sending.set(name(effect.id), effect.id);
        break;
      case "retire":
        if (!this.installed.has(effect.id)) throw new Error(`retire of unknown Child SA ${effect.id}`);
        if (this.sending.get(name(effect.id)) === effect.id) this.sending.delete(name(effect.id));
        break;
      case "remove":
        if (!this.installed.has(effect.id)) throw new Error(`remove of unknown Child SA ${effect.id}`);
        if (this.sending.get(name(effect.id)) === effect.id) throw new Error("removed while it sends");
        this.installed.delete(effect.id);
        break;
      case "keepalive":
        this.keepalives.push(effect.path);
        break;
      case "path":
        for (const [id, installed] of this.installed) {
          if (installed.child.peer === effect.peer) {
            this.installed.set(id, { ...installed, child: { ...installed.child, path: effect.path } });
          }
        }
        break;
      default:
        break;
    }
    this.history.push(effect.kind);
  }

  /** SPI and key of a packet sent now for this child; undefined: nothing sends. */
  packet(child: string): { readonly spi: number; readonly key: string } | undefined {
    const id = this.sending.get(child);
    if (id === undefined) return undefined;
    const { child: sa, keyOut } = this.installed.get(id)!;
    return { spi: sa.outbound.spi, key: keyOut };
  }

  opens(packet: { readonly spi: number; readonly key: string }): boolean {
    for (const { child, keyIn } of this.installed.values()) {
      if (child.inbound.spi === packet.spi) return keyIn === packet.key;
    }
    return false;
  }
}
