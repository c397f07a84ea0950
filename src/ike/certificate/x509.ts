/**
 * @peculiar/x509, loaded when a certificate is looked at for the first time: a router with pre-shared keys alone needs neither its 20 MB
 * nor the 0.1 s that it takes.
 */
import { createRequire } from "node:module";

type X509 = typeof import("@peculiar/x509");

let loaded: X509 | undefined;

export function x509(): X509 {
  if (loaded === undefined) {
    const load = createRequire(import.meta.url);
    // It wants this one loaded first.
    load("reflect-metadata");
    loaded = load("@peculiar/x509") as X509;
  }
  return loaded;
}
