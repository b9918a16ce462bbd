import * as z from "zod/mini";
import type { ConnectionStore } from "../connection/store.ts";
import { describe, log } from "../log.ts";
import { type Caller, tenantIdOf, userTenantId } from "../tenant-id.ts";
import type { MembershipChange } from "./memberships.ts";

/**
 * An organisation's side of membership: stores the users who called for the organisation. A user's object is updated
 * before the user sees a webhook URL, so that the URL leads to this organisation.
 */

/** Storage keys, one for each member: when the user's object was last updated, in milliseconds. */
const PREFIX = "member:";
const keyOf = (userId: string) => `${PREFIX}${userId}`;
/** The user whose webhook URL the subscription has. Stored once this organisation is pinned in that user's object. */
const PINNED_KEY = "pinnedMember";
/** A user's object is updated again after this long, because it orders organisations by their latest call. */
const UPDATE_AGAIN_MS = 6 * 3600 * 1000;

/** The methods of a user's object that are called here; see `Tenant`. */
export interface UserObject {
  changeMembership(change: MembershipChange): Promise<void>;
}

export class Members {
  readonly #storage: DurableObjectStorage;
  readonly #userObject: (tenantId: string) => UserObject;

  constructor(storage: DurableObjectStorage, userObject: (tenantId: string) => UserObject) {
    this.#storage = storage;
    this.#userObject = userObject;
  }

  has(userId: string): boolean {
    return this.#storage.kv.get(keyOf(userId)) !== undefined;
  }

  /** The keys that stay when the connection is cleared, because webhook URLs stay valid. */
  storedKeys(): string[] {
    return [...this.#storage.kv.list({ prefix: PREFIX })].map(([key]) => key).concat(PINNED_KEY);
  }

  /** Adds this organisation to the caller's own object, unless that was done recently. */
  async note(caller: Caller): Promise<void> {
    const { userId, orgId } = caller;
    if (orgId === null) return;
    const nowMs = Date.now();
    const updatedAtMs = z.safeParse(z.number(), this.#storage.kv.get(keyOf(userId))).data;
    if (updatedAtMs !== undefined && nowMs - updatedAtMs < UPDATE_AGAIN_MS) return;
    await this.#update(userId, { change: "called", userId, tenantId: tenantIdOf(caller) });
    this.#storage.kv.put(keyOf(userId), nowMs);
  }

  /** Called when the user's object dropped this organisation; the user's next call adds it again. */
  forget(userId: string): void {
    this.#storage.kv.delete(keyOf(userId));
  }

  /**
   * Pins this organisation in the object of the user whose webhook URL the subscription has, so that the limit of five
   * never drops it. Never throws: a failed update is retried after the next change.
   */
  async notePinned({ connection, tenantId }: ConnectionStore): Promise<void> {
    const before = z.safeParse(z.string(), this.#storage.kv.get(PINNED_KEY)).data ?? null;
    const url = connection?.subscription?.url;
    const after = url === undefined ? null : (url.split("/").at(-1) ?? null);
    if (before === after || tenantId === null) return;
    const isUsersOwn = after !== null && tenantId === userTenantId(after);
    try {
      if (before !== null) await this.#update(before, { change: "unpinned", userId: before, tenantId });
      if (after !== null && !isUsersOwn) {
        await this.#update(after, { change: "pinned", userId: after, tenantId });
      }
      if (after === null || isUsersOwn) this.#storage.kv.delete(PINNED_KEY);
      else this.#storage.kv.put(PINNED_KEY, after);
    } catch (error) {
      log.warn("member.not_told", { tenantId, error: describe(error) });
    }
  }

  #update(userId: string, change: MembershipChange): Promise<void> {
    return this.#userObject(userTenantId(userId)).changeMembership(change);
  }
}
