/** Webhook URLs: each ends in the id of the user whose URL it is. Pure. */

const baseOf = (url: string) => url.slice(0, url.lastIndexOf("/"));

export const userIdOf = (url: string) => url.slice(url.lastIndexOf("/") + 1);

/**
 * Whether `other` leads to the connection that `url` leads to: it is the same URL, or another member's at the same base.
 * @param isMember whether a user has a part in the connection
 */
export function leadsToSame(other: string, url: string, isMember: (userId: string) => boolean): boolean {
  return other === url || (baseOf(other) === baseOf(url) && isMember(userIdOf(other)));
}

/** Decides which of the account's subscriptions belong to this connection. */
export interface Ownership {
  /** Whether a subscription with the first URL posts to the connection of the second. */
  leadsHere(other: string, url: string): boolean;
  /** Whether another connection of the same URL has the subscription: a user may be in several organisations. */
  isTaken(subscription: { id: string; url: string }): Promise<boolean>;
}
