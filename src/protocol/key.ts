/**
 * The device key, as it is printed on a note and typed in: 24 letters and digits of Crockford's base 32 (120 random bits, no I, L, O, U)
 * and his check symbol, in groups of five: 7Q2MX-40ZNE-…. Letters are read in either case, O as 0, I and L as 1, whatever hyphens and
 * spaces stand between. The check symbol finds every wrong letter and every swap of two neighbours before anything is sent.
 */

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** Prime; the five symbols above 31 are never used: a key that would need one is not made. */
const CHECK = 37n;
const BYTES = 15;
const LETTERS = 24;

/** A fresh key. `random`: so many bytes of the system's CSPRNG. */
export function makeDeviceKey(random: (length: number) => Uint8Array): string {
  for (;;) {
    const value = BigInt(`0x${Buffer.from(random(BYTES)).toString("hex")}`);
    const check = Number(value % CHECK);
    if (check >= ALPHABET.length) continue;
    let text = ALPHABET[check];
    for (let rest = value, i = 0; i < LETTERS; i++, rest >>= 5n) text = ALPHABET[Number(rest & 31n)] + text;
    return text.match(/.{5}/g)?.join("-") as string;
  }
}

/** Its 15 bytes; a sentence without a full stop when it cannot be a key. Never shows the key. */
export function readDeviceKey(text: string): Uint8Array | string {
  const letters = text.toUpperCase().replaceAll(/[\s-]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  if (letters.length !== LETTERS + 1) {
    return `a device key has ${LETTERS + 1} letters and digits; this has ${letters.length}`;
  }
  let value = 0n;
  for (const [i, letter] of [...letters].entries()) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) return `character ${i + 1} stands in no device key`;
    if (i < LETTERS) value = (value << 5n) | BigInt(digit);
    else if (value % CHECK !== BigInt(digit))
      return "the key has a typing error: its last character does not fit the rest";
  }
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(BYTES * 2, "0"), "hex"));
}
