import { G_WORKERS } from "./layout";
export function probe(): u32 { return load<u32>(G_WORKERS); }
