import * as z from "zod/mini";
import type { ConnectionStore } from "../connection/store.ts";
import { describe, log } from "../log.ts";
import { userIdOf } from "../reconcile/webhook-url.ts";
import { type Caller, tenantIdOf, userTenantId } from "../tenant-id.ts";
import type { MembershipChange } from "./memberships.ts";

/**
 * An organisation's side of membership: stores the users who made calls on behalf of the organisation. A user's object
 * is updated before the user sees a webhook URL, so that the URL leads to this organisation.
 */

/** A key `member:{userId}` stores the time (ms since 1970) when the user's object was last updated. */
const PREFIX = "member:";
const keyOf = (userId: string) => `${PREFIX}${userId}`;
/** This key stores a user's id: the subscription posts to the webhook URL of this user. */
const PINNED_KEY = "pinnedMember";
/** After this time, the user's next call moves the organisation to the front of the user's list again. */
const UPDATE_AGAIN_MS = 6 * 3600 * 1000;

export interface UserObject {
  changeMembership(change: MembershipChange): Promise<void>;
  heldSubscription(): Promise<{ id: string | undefined; organisations: string[] }>;
}

export class Members {
  readonly #storage: DurableObjectStorage;
  readonly #objectOf: (tenantId: string) => UserObject;

  constructor(storage: DurableObjectStorage, objectOf: (tenantId: string) => UserObject) {
    this.#storage = storage;
    this.#objectOf = objectOf;
  }

  has(userId: string): boolean {
    return this.#storage.kv.get(keyOf(userId)) !== undefined;
  }

  /** The keys that stay when the connection is cleared, because webhook URLs stay valid. */
  storedKeys(): string[] {
    return [...this.#storage.kv.list({ prefix: PREFIX })].map(([key]) => key).concat(PINNED_KEY);
  }

  /** Adds this organisation to the caller's own object, but at most once in six hours. */
  async note(caller: Caller): Promise<void> {
    const { userId, orgId } = caller;
    if (orgId === null) return;
    const nowMs = Date.now();
    const updatedAtMs = z.safeParse(z.number(), this.#storage.kv.get(keyOf(userId))).data;
    if (updatedAtMs !== undefined && nowMs - updatedAtMs < UPDATE_AGAIN_MS) return;
    await this.#update(userId, { change: "called", userId, tenantId: tenantIdOf(caller) });
    this.#storage.kv.put(keyOf(userId), nowMs);
  }

  /** Called when the user's object drops this organisation. The user's next call then adds it again. */
  forget(userId: string): void {
    this.#storage.kv.delete(keyOf(userId));
  }

  /**
   * Pins this organisation in a user's object, because the subscription posts to this user's webhook URL. A user's
   * object never drops a pinned organisation. Never throws: a failed update is retried after the next check or change.
   */
  async notePinned({ connection, tenantId }: ConnectionStore): Promise<void> {
    const before = z.safeParse(z.string(), this.#storage.kv.get(PINNED_KEY)).data ?? null;
    const url = connection?.subscription?.url;
    const userId = url === undefined ? null : userIdOf(url);
    // A user's own tenant needs no pin, because the user's URL always leads to it.
    const after = userId !== null && tenantId === userTenantId(userId) ? null : userId;
    if (before === after || tenantId === null) return;
    try {
      if (before !== null) await this.#update(before, { change: "unpinned", userId: before, tenantId });
      if (after !== null) await this.#update(after, { change: "pinned", userId: after, tenantId });
      if (after === null) this.#storage.kv.delete(PINNED_KEY);
      else this.#storage.kv.put(PINNED_KEY, after);
    } catch (error) {
      log.warn("member.not_told", { tenantId, error: describe(error) });
    }
  }

  /**
   * Whether the connection of another tenant also has this subscription. Returns true if a tenant does not answer,
   * because a subscription that is in use must not be removed.
   */
  async areOthersUsing(
    { id, url }: { id: string; url: string },
    ownTenantId: string | null,
  ): Promise<boolean> {
    const userTenant = userTenantId(userIdOf(url));
    try {
      const { organisations, ...user } = await this.#objectOf(userTenant).heldSubscription();
      const others = organisations.filter((tenantId) => tenantId !== ownTenantId);
      const held = await Promise.all(others.map((tenantId) => this.#objectOf(tenantId).heldSubscription()));
      return [...held, ...(userTenant === ownTenantId ? [] : [user])].some((one) => one.id === id);
    } catch (error) {
      log.warn("member.not_asked", { tenantId: ownTenantId, error: describe(error) });
      return true;
    }
  }

  #update(userId: string, change: MembershipChange): Promise<void> {
    return this.#objectOf(userTenantId(userId)).changeMembership(change);
  }
}
