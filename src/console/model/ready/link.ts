/** One link of the chain, and what is said of it. */
import type { Directory } from "../directory.ts";
import type { Seen } from "../observed.ts";
import type { Resource } from "../resources.ts";

export interface ReadyLink {
  readonly link: "device" | "instance" | "ccn" | "cen" | "vpc" | "security-group";
  readonly ok: boolean;
  /** "ok", or a stable word for what is broken. */
  readonly code: string;
  readonly message: string;
  /** The step that mends it; empty when nothing is broken. */
  readonly next: string;
}

export type Found = Pick<ReadyLink, "code" | "message" | "next">;

export type Link = (instance: Resource<"instance">, directory: Directory, observed: Seen) => Found;

const OK = "ok";

export function good(message: string): Found {
  return { code: OK, message, next: "" };
}

export function broken(code: string, message: string, next: string): Found {
  return { code, message, next };
}

/** It cannot be told before an earlier link is mended. */
export function waits(message: string): Found {
  return { code: "waits", message, next: "Mend the links before this one first" };
}

export function linkOk({ code }: Found): boolean {
  return code === OK;
}
