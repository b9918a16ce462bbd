/** Compares webhook URLs. Each URL ends in the id of the user to whom it belongs. Pure. */

const baseOf = (url: string) => url.slice(0, url.lastIndexOf("/"));

export const userIdOf = (url: string) => url.slice(url.lastIndexOf("/") + 1);

/**
 * Whether `other` leads to the same connection as `url`. True if both are the same URL, or if `other` is
 * another member's URL with the same base.
 * @param isMember whether a user is a member of the tenant
 */
export function leadsToSame(other: string, url: string, isMember: (userId: string) => boolean): boolean {
  return other === url || (baseOf(other) === baseOf(url) && isMember(userIdOf(other)));
}

/** Decides which of the account's subscriptions belong to this connection. */
export interface Ownership {
  /** Whether a subscription that posts to `other` reaches the same connection as one that posts to `url`. */
  leadsHere(other: string, url: string): boolean;
  /** Whether another tenant uses the subscription: the URL's user may be in several organisations. */
  isTaken(subscription: { id: string; url: string }): Promise<boolean>;
}
