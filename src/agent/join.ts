/** Enrols a device (protocol/enrol.ts): proves the key without showing it, and comes back with an identity. */
import { createPublicKey, randomBytes, timingSafeEqual, X509Certificate } from "node:crypto";
import type { ConnectionOptions } from "node:tls";
import Type from "typebox";
import { Check } from "typebox/value";
import {
  BEGIN_PATH,
  BeginReply,
  consoleProof,
  deviceProof,
  enrolmentSecret,
  FINISH_PATH,
  FinishReply,
  type Issued,
  type Transcript,
} from "../protocol/enrol.ts";
import { readDeviceName } from "../protocol/name.ts";
import { demandTrust, pinned, post, strange } from "./console.ts";
import { AgentError } from "./error.ts";
import type { Identity } from "./identity.ts";
import { belongsTo, makeRequest } from "./request.ts";

export interface JoinOptions {
  readonly url: URL;
  /** SHA-256 fingerprint of a certificate that the console must show; undefined: the key alone decides whether it is the console. */
  readonly ca?: string;
  readonly serial: string;
  /** Bytes of the device key; wiped. */
  readonly key: Uint8Array;
  readonly host: Transcript["host"];
  /** Progress, one line each. */
  readonly say: (line: string) => void;
}

/** Of any code: the console also refuses when its disk is full, or in words that this version does not know. */
const Refusal = Type.Object({ message: Type.String(), next: Type.String() });

/** @throws AgentError: nothing is kept here. */
export async function enrol({ url, ca, serial, key, host, say }: JoinOptions): Promise<Identity> {
  const secret = enrolmentSecret(serial, key);
  key.fill(0);
  try {
    let tls: ConnectionOptions = { rejectUnauthorized: false };
    if (ca !== undefined) {
      tls = { ca: [await pinned(url, ca)], allowPartialTrustChain: true };
      say(`${url.host} shows the certificate with the given fingerprint`);
    }
    const { request, transcript, issued } = await exchange({ url, tls }, serial, secret, host);
    say("the console knows the key, and has proven it");
    demandSense(issued, request.key, serial);
    const server = issued.server === null ? {} : { ca: issued.server };
    await demandTrust({ url, tls: { ...server, cert: issued.chain.join(""), key: request.key } });
    say(`certificate issued to ${transcript.serial} until ${new X509Certificate(issued.chain[0]).validTo}`);
    const { chain, trust, configKey, rootsNumber } = issued;
    const known = { server: issued.server, ...(rootsNumber !== undefined && { rootsNumber }), configKey };
    return { console: url.origin, router: serial, key: request.key, chain, trust, ...known };
  } finally {
    secret.fill(0);
  }
}

async function exchange(
  console: { readonly url: URL; readonly tls: ConnectionOptions },
  serial: string,
  secret: Uint8Array,
  host: Transcript["host"],
) {
  const deviceNonce = randomBytes(32).toString("base64url");
  const begun = await post(console, BEGIN_PATH, { serial, nonce: deviceNonce });
  const begin = begun.reply;
  if (begun.status !== 200) throw refusalOf(begin);
  if (!Check(BeginReply, begin)) throw strange(console.url);

  const request = await makeRequest(serial);
  const transcript: Transcript = { serial, deviceNonce, consoleNonce: begin.nonce, csr: request.csr, host };
  const finished = await post(console, FINISH_PATH, {
    serial,
    nonce: deviceNonce,
    session: begin.session,
    csr: request.csr,
    host,
    proof: deviceProof(secret, transcript),
  });
  const finish = finished.reply;
  if (finished.status !== 200) throw refusalOf(finish);
  if (!Check(FinishReply, finish)) throw strange(console.url);
  const { issued, proof } = finish;
  if (!timingSafeEqual(Buffer.from(consoleProof(secret, transcript, issued)), Buffer.from(proof))) {
    throw new AgentError(
      "console-proof",
      "what answered does not know the device key, or its answer was changed on the way",
      "Do not try again from this network before you know who stands between; give --ca with the console's fingerprint",
    );
  }
  return { request, transcript, issued };
}

/** The console has proven itself; what it hands out must still be of use. */
function demandSense(issued: Issued, key: string, serial: string): void {
  const wrong = (what: string) =>
    new AgentError(
      "refused",
      `the console handed out ${what}`,
      "Check that console and device have the same version of vcpe",
    );
  if (issued.router !== serial) throw wrong("the identity of another device");
  if (!belongsTo(key, issued.chain)) throw wrong("a certificate for another key");
  const name = new X509Certificate(issued.chain[0]).subjectAltName?.replace(/^DNS:/, "") ?? "";
  if (readDeviceName(name)?.serial !== serial) throw wrong("a certificate for another name");
  try {
    if (createPublicKey(issued.configKey).asymmetricKeyType !== "ed25519") throw wrong("a key of another kind");
  } catch (error) {
    throw error instanceof AgentError ? error : wrong("a key for configurations that is none");
  }
}

function refusalOf(reply: unknown): AgentError {
  if (!Check(Refusal, reply)) {
    return new AgentError("refused", "the console refused without a reason", "See the log of the console");
  }
  const strip = (text: string) => text.replace(/\.$/, "");
  return new AgentError("refused", strip(reply.message), strip(reply.next));
}
