/** What a device is called in certificates: `<serial>-<generation>.device.vcpe`. A new generation makes every older certificate worthless. */

const SUFFIX = ".device.vcpe";

export interface DeviceName {
  readonly serial: string;
  readonly generation: number;
}

/** The dNSName of a device. */
export function deviceName(serial: string, generation: number): string {
  return `${serial}-${generation}${SUFFIX}`;
}

/** Undefined: it is no name of a device. */
export function readDeviceName(name: string): DeviceName | undefined {
  const found = /^([a-z0-9]{1,64})-([1-9]\d{0,8})\.device\.vcpe$/.exec(name);
  return found ? { serial: found[1], generation: Number(found[2]) } : undefined;
}
