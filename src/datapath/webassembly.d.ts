/**
 * The part of the WebAssembly JavaScript API that the house uses. TypeScript keeps these types with those of a browser's
 * page, and Node's own types leave them out.
 */
declare namespace WebAssembly {
  interface MemoryDescriptor {
    /** Pages of 64 KiB. */
    readonly initial: number;
    readonly maximum?: number;
    readonly shared?: boolean;
  }
  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBufferLike;
    /** Adds `pages` of 64 KiB; the number there was before. */
    grow(pages: number): number;
  }
  class Module {
    constructor(bytes: BufferSource);
    static exports(module: Module): { readonly name: string; readonly kind: string }[];
    static imports(module: Module): { readonly module: string; readonly name: string; readonly kind: string }[];
  }
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }
  // biome-ignore lint/suspicious/noExplicitAny: what a module exports is known to its own host only.
  type Exports = Record<string, any>;
  type Imports = Record<string, Record<string, unknown>>;
  type BufferSource = ArrayBufferView | ArrayBuffer;
  function validate(bytes: BufferSource): boolean;
}
