/** Certificates in PEM (RFC 7468 §5): many in one text, other things between them. */
import { X509Certificate } from "node:crypto";

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const LINE = /.{1,64}/g;

/** DER of each, in their order; empty for a block that holds none: whoever reads it refuses it. */
export function certificatesIn(text: string): Uint8Array[] {
  return [...text.matchAll(BLOCK)].map(([block]) => derOf(block));
}

function derOf(block: string): Uint8Array {
  try {
    return new Uint8Array(new X509Certificate(block).raw);
  } catch {
    return new Uint8Array(0);
  }
}

/** The same the other way round: one certificate, with a line end at its end. */
export function pemOf(der: Uint8Array): string {
  const lines = Buffer.from(der).toString("base64").match(LINE) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
