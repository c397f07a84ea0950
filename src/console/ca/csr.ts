/** A device's certificate request (PKCS #10, RFC 2986): proves that it has the private key. Nothing else of it is taken. */
// @peculiar/x509 wants it loaded first.
import "reflect-metadata";
import { Pkcs10CertificateRequest, type PublicKey } from "@peculiar/x509";
import { AuthorityError } from "./error.ts";

/** Longest, characters of PEM; ours has 264. */
const LONGEST = 4096;

/** @throws AuthorityError csr */
export async function requestedKey(csr: string): Promise<PublicKey> {
  const refuse = (why: string) =>
    new AuthorityError(
      "csr",
      `The certificate request is refused: ${why}`,
      "Run vcpe join again, with the newest version",
    );
  if (csr.length > LONGEST) throw refuse(`it has more than ${LONGEST} characters`);
  let request: Pkcs10CertificateRequest;
  let good: boolean;
  try {
    request = new Pkcs10CertificateRequest(csr);
    if (request.publicKey.algorithm.name !== "Ed25519") throw refuse("its key is not Ed25519");
    good = await request.verify();
  } catch (error) {
    throw error instanceof AuthorityError ? error : refuse("it cannot be read");
  }
  if (!good) throw refuse("its signature is not by its own key");
  return request.publicKey;
}
