/** Kinds of values that stand in many resources, with the limits of the field. */
import Type from "typebox";

/** No key but those that are described. */
export const closed = { additionalProperties: false } as const;

/** Letters, digits and . _ - ; a letter first; 2–128 characters, as the field's products have it. */
export const NAME = "^[A-Za-z][A-Za-z0-9._-]{1,127}$";

export const Name = Type.String({
  pattern: NAME,
  description:
    "2–128 letters, digits, dots, underscores and hyphens; a letter first. Unique among resources of its kind.",
});

/** A letter of a text for people: none that moves a terminal's cursor, begins a line or turns the direction of what follows. */
const LETTER = "[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]";

/** One line of text. @param least and most characters */
export const Line = (least: number, most: number, description: string) =>
  Type.String({ pattern: `^${LETTER}{${least},${most}}$`, description });

export const Description = Type.String({
  pattern: `^(?!https?://)${LETTER}{0,256}$`,
  description: "At most 256 characters on one line, no control characters; does not begin with http:// or https://.",
});

/** In a request an id or a name; stored and answered as the id. */
export const Ref = (kind: string, description?: string) =>
  Type.String({ minLength: 1, maxLength: 128, description: description ?? `The ${kind}: its id or its name.` });

export const orNull = <T extends Type.TSchema>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description });

/** Peak bandwidth of an instance, Mbit/s. */
export const BANDWIDTH = { minimum: 2, maximum: 1000 } as const;

/** IPv4 address/length, host bits 0. */
export const Cidr = Type.String({
  pattern: "^(\\d{1,3}\\.){3}\\d{1,3}/\\d{1,2}$",
  description: "An IPv4 network: address/length, length 8–32, host bits 0.",
});

export const Ipv4 = Type.String({ pattern: "^(\\d{1,3}\\.){3}\\d{1,3}$", description: "An IPv4 address." });
export const Ipv6 = Type.String({ pattern: "^[0-9a-fA-F:.]{2,45}$", description: "An IPv6 address." });
export const Namespace = Type.String({
  pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
  description: "A network namespace (`ip netns`): 1–64 letters, digits, dots, underscores and hyphens.",
});
export const Device = Type.String({
  pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$",
  description: "A network interface: 1–15 letters, digits, dots, underscores and hyphens.",
});
