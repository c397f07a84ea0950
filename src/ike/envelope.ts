/** The keys of an IKE SA, and messages sealed and opened with them (RFC 7296 §2.14, §3.14). */
import type { Realm } from "./realm.ts";
import { type IkeKeys, type IkeSelection, SkOpener, SkSealer, wipe } from "./suite/index.ts";
import {
  type Fragment,
  type Message,
  type OpenMessage,
  type Outgoing,
  openFragment,
  openMessage,
  sealFragments,
  sealMessage,
  WireError,
} from "./wire/index.ts";

export class Envelope {
  readonly selection: IkeSelection;
  /** SK_d: what the keys of Child SAs and of the next IKE SA come from. */
  readonly d: Uint8Array;
  readonly #sealer: SkSealer;
  readonly #opener: SkOpener;

  /** Takes SK_d and wipes the encryption keys that it copied; SK_pi and SK_pr stay with the caller. */
  constructor(selection: IkeSelection, keys: IkeKeys, initiator: boolean) {
    this.selection = selection;
    this.d = keys.d;
    const [out, into] = initiator ? [keys.ei, keys.er] : [keys.er, keys.ei];
    this.#sealer = new SkSealer(selection.encryption, out);
    this.#opener = new SkOpener(selection.encryption, into);
    wipe(out.key, out.salt, into.key, into.salt);
  }

  seal(message: Outgoing): Uint8Array {
    return sealMessage(message, this.#sealer);
  }

  /** In fragments of at most `size` bytes; see `sealFragments` of wire/split.ts. */
  sealFragments(message: Outgoing, size: number): Uint8Array[] {
    return sealFragments(message, this.#sealer, size);
  }

  /** The content; a WireError when it is authentic and wrong; undefined when it is not authentic (counted). */
  open(bytes: Uint8Array, message: Message, realm: Realm): OpenMessage | WireError | undefined {
    if (message.wrapper?.kind !== "encrypted") {
      // INVALID_IKE_SPI and the like: anybody can write that, so it ends nothing (RFC 7296 §2.21.4).
      realm.count(message.payloads.some(({ kind }) => kind === "notify") ? "unprotected-error" : "unexpected");
      return undefined;
    }
    return this.#authentic(realm, () => openMessage(bytes, message, this.#opener));
  }

  /** A part of a message, with the same outcomes. Only where `message` holds an Encrypted Fragment. */
  openFragment(bytes: Uint8Array, message: Message, realm: Realm): Fragment | WireError | undefined {
    return this.#authentic(realm, () => openFragment(bytes, message, this.#opener));
  }

  #authentic<T>(realm: Realm, open: () => T): T | WireError | undefined {
    try {
      return open();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      if (error.code !== "integrity") return error;
      realm.count("integrity");
      return undefined;
    }
  }

  wipe(): void {
    wipe(this.d);
    this.#sealer.wipe();
    this.#opener.wipe();
  }
}
