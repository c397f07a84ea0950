/** Judges the TLS certificate that a device comes with. The handshake has shown that it has the private key (RFC 8446 §4.4.3). */
import { X509Certificate } from "node:crypto";
import { readDeviceName } from "../../protocol/name.ts";
import { CLIENT_AUTH } from "../ca/issue.ts";
import type { FleetDesk } from "./desk.ts";

export interface Passport {
  readonly device: string;
  readonly generation: number;
  /** Milliseconds since the Unix epoch. */
  readonly expires: number;
}

/** Why a device is not let in; the words are in the reply and in its log. */
export interface Refused {
  readonly code: "no-certificate" | "foreign" | "expired" | "superseded" | "unknown-device";
  readonly message: string;
  readonly next: string;
}

const JOIN = "Enrol the device again: vcpe join";

/** Holds certificates against our root and the devices that there are. `now`: milliseconds since the Unix epoch. */
export function passportOffice(
  rootPem: string,
  desk: Pick<FleetDesk, "intent">,
): (certificate: X509Certificate | undefined, now: number) => Passport | Refused {
  const root = new X509Certificate(rootPem);
  return (certificate, now) => {
    if (!certificate) {
      return { code: "no-certificate", message: "A device must come with its certificate", next: JOIN };
    }
    const name = readDeviceName(/^DNS:([^,\s"]+)$/.exec(certificate.subjectAltName ?? "")?.[1] ?? "");
    const ours =
      certificate.checkIssued(root) &&
      certificate.verify(root.publicKey) &&
      !certificate.ca &&
      certificate.keyUsage?.includes(CLIENT_AUTH);
    if (!ours || !name) {
      return { code: "foreign", message: "This certificate is not of this console's devices", next: JOIN };
    }
    const expires = certificate.validToDate.getTime();
    if (now > expires || now < certificate.validFromDate.getTime()) {
      return {
        code: "expired",
        message: `The certificate of ${name.serial} is valid from ${certificate.validFrom} to ${certificate.validTo}, and it is ${new Date(now).toUTCString()}`,
        next: `${JOIN}; if the dates look right, check the clocks of both sides`,
      };
    }
    const device = desk.intent.device.get(name.serial);
    if (!device) {
      return {
        code: "unknown-device",
        message: `Device ${name.serial} has been deleted at the console`,
        next: "Run vcpe leave",
      };
    }
    return stands(desk, name.serial, name.generation)
      ? { device: name.serial, generation: name.generation, expires }
      : {
          code: "superseded",
          message: `The key of ${name.serial} was reset or its host released at the console; this older identity is taken no more`,
          next: JOIN,
        };
  };
}

/** Is an identity of this generation still the device's? */
export function stands({ intent }: Pick<FleetDesk, "intent">, device: string, generation: number): boolean {
  return intent.device.get(device)?.generation === generation;
}
