/**
 * A change while it is planned: what is created, changed and removed, with what follows from it (devices come and go with their instance
 * or access point, rules go with their security group). Nothing happens until the desk takes its `changes()`.
 */
import { isDeepStrictEqual } from "node:util";
import { ConsoleError } from "../error.ts";
import { complete } from "../model/complete.ts";
import type { Change, Intent } from "../model/intent.ts";
import { directoryOf } from "../model/lineage.ts";
import type { Kind, Resource, Spec, Written } from "../model/resources.ts";
import type { Desk } from "./desk.ts";
import { AddressPool, newId, newSerial } from "./identity.ts";
import { withIds } from "./references.ts";

/** Kinds that operators create by themselves. */
export type OwnKind = Exclude<Kind, "device">;

export class Draft {
  readonly #desk: Pick<Desk, "find">;
  readonly #intent: Intent;
  readonly #at: string;
  readonly #changes = new Map<string, Change>();
  /** Names that this draft gives or takes away: "kind name" → id, or undefined: free. */
  readonly #names = new Map<string, string | undefined>();
  #pool: AddressPool | undefined;

  constructor(desk: Pick<Desk, "find" | "now">, intent: Intent) {
    this.#desk = desk;
    this.#intent = intent;
    this.#at = new Date(desk.now()).toISOString();
  }

  /** By id or name, as it will be after the draft. */
  find<K extends Kind>(kind: K, idOrName: string): Resource<K> | undefined {
    const key = `${kind} ${idOrName}`;
    const id = this.#names.has(key) ? this.#names.get(key) : this.#desk.find(kind, idOrName)?.id;
    return id === undefined ? undefined : this.#get(kind, id);
  }

  /** An id for a resource that will be created: others of the draft may name it before. */
  reserve(kind: OwnKind, name: string): string {
    const id = newId(kind);
    this.#names.set(`${kind} ${name}`, id);
    return id;
  }

  /** @param id from `reserve` */
  create<K extends OwnKind>(kind: K, written: Written<K>, id?: string): Resource<K> {
    const meta = { kind, id: id ?? this.reserve(kind, written.name), version: 1, created: this.#at, updated: this.#at };
    const resource = { ...meta, ...this.#complete(kind, written) } as unknown as Resource;
    this.#put(undefined, resource);
    if (resource.kind === "instance")
      for (const role of ["active", "standby"] as const) this.#addDevice(resource, role);
    if (resource.kind === "access-point") this.#addDevice(resource, "gateway");
    return resource as Resource<K>;
  }

  /** @returns the resource after it; the same object when nothing differs */
  update<K extends Kind>(before: Resource<K>, written: Written<K>): Resource {
    const old: Resource = before as unknown as Resource;
    const { kind, id, version, created, updated } = old;
    const same = { kind, id, version, created, updated, ...this.#complete(kind as K, written) };
    if (isDeepStrictEqual(same, { ...old })) return old;
    const after = { ...same, version: version + 1, updated: this.#at } as unknown as Resource;
    this.#put(old, after);
    return after;
  }

  /** With its devices; a security group with its rules too, unless each is removed `alone`. */
  remove(resource: Resource, { alone = false } = {}): void {
    this.#put(resource, undefined);
    const { kind, id } = resource;
    if (kind === "instance" || kind === "access-point") {
      for (const device of directoryOf(this.#intent).usersOf(id, "device")) this.#put(device, undefined);
    }
    if (kind === "security-group" && !alone) {
      for (const rule of directoryOf(this.#intent).usersOf(id, "rule")) this.#put(rule, undefined);
    }
  }

  /** In the order in which they were made: of an instance first itself, then its devices. */
  changes(): readonly Change[] {
    return [...this.#changes.values()];
  }

  #complete<K extends Kind>(kind: K, written: Written<K>): Spec<K> {
    const find = (target: Kind, text: string) => {
      const key = `${target} ${text}`;
      return this.#names.has(key) ? this.#names.get(key) : this.find(target, text)?.id;
    };
    return complete(kind, withIds(kind, written, find));
  }

  #get<K extends Kind>(kind: K, id: string): Resource<K> | undefined {
    const change = this.#changes.get(`${kind} ${id}`);
    return (change ? change.after : this.#intent[kind].get(id)) as Resource<K> | undefined;
  }

  #put(before: Resource | undefined, after: Resource | undefined): void {
    const { kind, id } = (after ?? before)!;
    const key = `${kind} ${id}`;
    const earlier = this.#changes.get(key);
    this.#changes.set(key, { kind, id, before: earlier ? earlier.before : before, after });
    if (before && before.name !== after?.name) this.#names.set(`${kind} ${before.name}`, undefined);
    if (after) this.#names.set(`${kind} ${after.name}`, id);
  }

  #addDevice(owner: Resource<"instance"> | Resource<"access-point">, role: "active" | "standby" | "gateway"): void {
    this.#pool ??= new AddressPool(this.#intent);
    const address = this.#pool.take();
    if (address === undefined) {
      throw new ConsoleError(
        409,
        "no-overlay-address",
        "all overlay addresses of 100.64.0.0/10 are taken",
        "Delete instances that are no longer used",
      );
    }
    const serial = newSerial();
    this.#put(undefined, {
      kind: "device",
      id: serial,
      version: 1,
      created: this.#at,
      updated: this.#at,
      name: serial,
      instance: owner.kind === "instance" ? owner.id : null,
      accessPoint: owner.kind === "access-point" ? owner.id : null,
      role,
      address,
      generation: 1,
    });
  }
}
