/** Compares webhook URLs. Each URL ends in the id of the user to whom it belongs. Pure. */

const baseOf = (url: string) => url.slice(0, url.lastIndexOf("/"));

export const userIdOf = (url: string) => url.slice(url.lastIndexOf("/") + 1);

/**
 * Whether `other` leads to the connection of `url`. This is true if the URLs are equal. It is also true if only their
 * user ids differ, and `other` ends in the id of a member.
 * @param isMember whether a user is a member of the tenant
 */
export function leadsToSame(other: string, url: string, isMember: (userId: string) => boolean): boolean {
  return other === url || (baseOf(other) === baseOf(url) && isMember(userIdOf(other)));
}

/** Decides which of the account's subscriptions belong to this connection. */
export interface Ownership {
  /** Whether webhooks sent to the URL `other` reach the connection whose webhook URL is `url`. */
  leadsHere(other: string, url: string): boolean;
  /** Whether another tenant uses the subscription. The user in its URL may be in several organisations. */
  isTaken(subscription: { id: string; url: string }): Promise<boolean>;
}
