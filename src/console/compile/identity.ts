/** What devices are called towards each other. */
import { deviceName } from "../../protocol/name.ts";
import type { TunnelConfig } from "../../router/config/config.ts";
import type { Resource } from "../model/resources.ts";

type Device = Resource<"device">;

/** dNSName in the device's certificate. */
export function certificateName({ id, generation }: Device): string {
  return deviceName(id, generation);
}

/** IKE identity of an edge, and of a gateway towards edges. */
export function identityOf(device: Device): TunnelConfig["local"]["identity"] {
  return { type: "fqdn", value: certificateName(device) };
}

/** IKE identity of a gateway towards other gateways: one for each VRF, as peers are told apart by what they prove. */
export function identityIn(vrf: string, device: Device): TunnelConfig["local"]["identity"] {
  return { type: "fqdn", value: `${vrf}.${certificateName(device)}` };
}
