/** Kinds of values that stand in many places of the configuration file. */
import Type, { type Static } from "typebox";

/** No key but those that are described. */
export const closed = { additionalProperties: false } as const;

export const Name = (description: string) => Type.String({ format: "vcpe-name", description });
export const Prefix = Type.String({
  format: "vcpe-prefix",
  description: "An IPv4 or IPv6 network: address/length, host bits 0.",
});
export const Ip = (description: string) => Type.String({ format: "vcpe-ip", description });
export const Duration = (description: string) => Type.String({ format: "vcpe-duration", description });
export const Port = (description: string) => Type.Integer({ minimum: 1, maximum: 65535, description });
export const Mtu = (description: string) => Type.Integer({ minimum: 576, maximum: 65535, description });

/** Where a secret is to be had. */
export const SecretFile = (description: string) =>
  Type.Union(
    [
      Type.Object({ file: Type.String({ minLength: 1 }) }, closed),
      Type.Object({ env: Type.String({ minLength: 1 }) }, closed),
      Type.Object({ value: Type.String({ minLength: 1 }) }, closed),
    ],
    { secret: true, expects: "{ file: PATH }, { env: NAME } or { value: SECRET }", description },
  );

export type SecretFile = Static<ReturnType<typeof SecretFile>>;
