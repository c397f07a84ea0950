/** Algorithms of IKE and ESP: what can be negotiated, and the arithmetic behind it. */
export { pskAuth, signedOctets, verifyPskAuth } from "./authenticate.ts";
export { type SuiteCode, SuiteError } from "./error.ts";
export { generateKeyPair, type KeyPair, sharedSecret } from "./group.ts";
export {
  type ChildKeys,
  childKeys,
  type Freshness,
  type IkeKeys,
  ikeKeys,
  rekeySkeyseed,
  skeyseed,
  wipeChildKeys,
  wipeIkeKeys,
} from "./keys.ts";
export { equal, join, spi64, wipe } from "./octets.ts";
export { prfOf, prfPlus } from "./prf.ts";
export { type EspProposal, espProposal, type IkeProposal, ikeProposal, type OfferOptions, offer } from "./proposal.ts";
export { type CipherKey, SkOpener, SkSealer } from "./protect.ts";
export {
  type KeyKind,
  OUR_HASHES,
  SCHEMES,
  type SignatureScheme,
  schemeFor,
  schemeOf,
} from "./scheme.ts";
export {
  answerProposal,
  type EspSelection,
  type IkeSelection,
  matchAnswer,
  type SelectionOf,
  type SelectOptions,
  selectProposal,
} from "./select.ts";
export { keyKind, SigningKey, type VerifyKey, verifySignature } from "./signature.ts";
export {
  ENCRYPTIONS,
  type Encryption,
  GROUPS,
  type Group,
  type GroupName,
  groupOf,
  IV_LENGTH,
  PRFS,
  type Prf,
  type PrfName,
  SALT_LENGTH,
  TAG_LENGTH,
} from "./transform.ts";
