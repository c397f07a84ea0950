/** The pre-shared keys that the IKE core works with: each is wiped when nothing needs it any more. */
import type { PeerConfig } from "../ike/peer.ts";

export class PresharedKeys {
  readonly #byPeer = new Map<string, Uint8Array>();

  /** Call it when the core has taken the peer, and with it the new key instead of the old one. */
  keep({ name, auth }: PeerConfig): void {
    const before = this.#byPeer.get(name);
    const secret = auth.kind === "psk" ? auth.secret : undefined;
    if (before !== secret) before?.fill(0);
    if (secret === undefined) this.#byPeer.delete(name);
    else this.#byPeer.set(name, secret);
  }

  /** The peer has gone. */
  forget(name: string): void {
    this.#byPeer.get(name)?.fill(0);
    this.#byPeer.delete(name);
  }
}
