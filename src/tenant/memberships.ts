import * as z from "zod/mini";
import { Replica } from "../connection/replica.ts";

/**
 * The user's side of membership: the user's own object stores the organisations on whose behalf the user made calls,
 * the latest first. The user's webhook URL leads to each of them. KV has a copy of the list for the edge.
 */

const KEY = "memberships";
/** This storage entry exists while the copy in KV may be out of date. Its value is the copy's key in KV. */
const REPLICA_MARKER = "membershipsReplicaBehind";

/** `pinned`: the tenant's subscription posts to this user's URL, so `MAX_ORGANISATIONS` never drops the tenant. */
const Membership = z.object({ tenantId: z.string(), pinned: z.boolean() });
type Membership = z.infer<typeof Membership>;
/** An unreadable list throws. Counting it as empty would lose organisations, which are added again only after hours. */
const Stored = z.array(Membership);

/** Few, because a webhook is verified with the secrets of every organisation in the list. */
const MAX_ORGANISATIONS = 5;

export const memberKvKey = (userId: string) => `member:${userId}`;
/** The copy in KV: tenant ids, the latest first. */
export const MemberReplica = z.array(z.string());

/**
 * Moves a tenant to the front, then drops the last tenants until five are left. Never drops the moved tenant or a
 * pinned tenant. Pure.
 */
export function withMembership(
  list: readonly Membership[],
  tenantId: string,
): { kept: Membership[]; pushedOut: string[] } {
  const known = list.find((one) => one.tenantId === tenantId);
  const all = [known ?? { tenantId, pinned: false }, ...list.filter((one) => one.tenantId !== tenantId)];
  const room = MAX_ORGANISATIONS - all.filter(({ pinned }) => pinned).length;
  let unpinned = 0;
  const isKept = (one: Membership, index: number) => {
    if (one.pinned) return true;
    unpinned += 1;
    return index === 0 || unpinned <= room;
  };
  const kept = all.filter(isKept);
  return {
    kept,
    pushedOut: all.filter((one) => !kept.includes(one)).map((one) => one.tenantId),
  };
}

/** A change that an organisation's object makes in a user's object. */
export interface MembershipChange {
  /** `called`: the user made a call for the organisation. `pinned`: see `Membership`. */
  change: "called" | "pinned" | "unpinned";
  userId: string;
  tenantId: string;
}

export interface OrganisationObject {
  forgetMember(userId: string): Promise<void>;
}

export class Memberships {
  readonly #storage: DurableObjectStorage;
  readonly #organisationObject: (tenantId: string) => OrganisationObject;
  readonly replica: Replica;

  constructor(
    storage: DurableObjectStorage,
    kv: KVNamespace,
    organisationObject: (tenantId: string) => OrganisationObject,
  ) {
    this.#storage = storage;
    this.#organisationObject = organisationObject;
    this.replica = new Replica(storage, kv, REPLICA_MARKER, () => {
      const { tenantIds } = this;
      return tenantIds.length === 0 ? null : JSON.stringify(tenantIds);
    });
  }

  get #list(): Membership[] {
    const stored = this.#storage.kv.get(KEY);
    return stored === undefined ? [] : Stored.parse(stored);
  }

  get tenantIds(): string[] {
    return this.#list.map(({ tenantId }) => tenantId);
  }

  /** The keys that stay when the user's own connection is cleared. */
  storedKeys(): string[] {
    return [KEY, REPLICA_MARKER];
  }

  async apply({ change, userId, tenantId }: MembershipChange): Promise<void> {
    if (change === "called") return this.#add(userId, tenantId);
    const pinned = change === "pinned";
    const list = this.#list.map((one) => (one.tenantId === tenantId ? { tenantId, pinned } : one));
    const isKnown = list.some((one) => one.tenantId === tenantId);
    this.#put(userId, isKnown || !pinned ? list : [{ tenantId, pinned }, ...list]);
  }

  /**
   * Before an organisation is dropped, tells its object, so that the user's next call for this organisation adds it
   * again.
   */
  async #add(userId: string, tenantId: string): Promise<void> {
    const { pushedOut } = withMembership(this.#list, tenantId);
    await Promise.all(pushedOut.map((id) => this.#organisationObject(id).forgetMember(userId)));
    const { kept } = withMembership(this.#list, tenantId);
    const others = this.#list.filter((one) => !kept.some((two) => two.tenantId === one.tenantId));
    this.#put(userId, [...kept, ...others.filter((one) => !pushedOut.includes(one.tenantId))]);
  }

  #put(userId: string, list: readonly Membership[]): void {
    const before = this.tenantIds.join();
    this.#storage.kv.put(KEY, [...list]);
    if (this.tenantIds.join() !== before) this.replica.mark(memberKvKey(userId));
  }
}
