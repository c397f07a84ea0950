/** Flows that filters know at once: they have room for sure. */

/** Unless the options say otherwise: an edge's. 8 MiB of address space. */
export const FLOWS = 65_536;
/** 512 MiB of address space. */
export const FLOWS_MAX = 4_194_304;
