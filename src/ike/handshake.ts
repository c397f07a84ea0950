/** What IKE_SA_INIT leaves for IKE_AUTH, and the keys that come of it (RFC 7296 §2.14, §2.15). */
import { type IkeKeys, type IkeSelection, ikeKeys, type KeyPair, sharedSecret, skeyseed, wipe } from "./suite/index.ts";

const NOTHING = new Uint8Array(0);

export class Handshake {
  ni: Uint8Array = NOTHING;
  nr: Uint8Array = NOTHING;
  pair: KeyPair | undefined;
  /** The peer's public value. */
  theirs: Uint8Array = NOTHING;
  /** The IKE_SA_INIT messages as they were on the wire. */
  request: Uint8Array = NOTHING;
  response: Uint8Array = NOTHING;
  /** SK_pi and SK_pr, from the moment in which the keys are there. */
  pi: Uint8Array = NOTHING;
  pr: Uint8Array = NOTHING;
  /** Hash algorithms that the peer verifies digital signatures with (RFC 7427 §4); undefined: it does not speak of them. */
  hashes: ReadonlySet<number> | undefined;
  /** Authorities that the peer trusts, as in CERTREQ; undefined: it has not said. */
  authorities: readonly Uint8Array[] | undefined;

  /** Computes the keys of the IKE SA; the DH secret is forgotten. Throws SuiteError for a bad public value. */
  keys(selection: IkeSelection, spiI: bigint, spiR: bigint): IkeKeys {
    const shared = sharedSecret(this.pair!, this.theirs);
    this.forgetPair();
    const seed = skeyseed(selection.prf, this.ni, this.nr, shared);
    wipe(shared);
    const keys = ikeKeys(selection.prf, selection.encryption, seed, { ni: this.ni, nr: this.nr, spiI, spiR });
    wipe(seed);
    this.pi = keys.pi;
    this.pr = keys.pr;
    return keys;
  }

  forgetPair(): void {
    wipe(this.pair?.secretKey);
    this.pair = undefined;
  }

  /** When the exchange is over, one way or the other. */
  wipe(): void {
    this.forgetPair();
    wipe(this.pi, this.pr);
  }
}
