/** Webhook URLs: each ends in the id of the user whose URL it is. Pure. */

const partsOf = (url: string) => {
  const slash = url.lastIndexOf("/");
  return { base: url.slice(0, slash), userId: url.slice(slash + 1) };
};

/**
 * Whether `other` leads to the connection that `url` leads to: it is the same URL, or another member's at the same base.
 * @param isMember whether a user has a part in the connection
 */
export function leadsToSame(other: string, url: string, isMember: (userId: string) => boolean): boolean {
  if (other === url) return true;
  const { base, userId } = partsOf(other);
  return base === partsOf(url).base && isMember(userId);
}

/** Decides which of the account's subscriptions belong to this connection. */
export interface Ownership {
  /** Whether a subscription with the first URL posts to the connection of the second. */
  leadsHere(other: string, url: string): boolean;
  /** Whether another connection of the same URL has the subscription: a user may be in several organisations. */
  isTaken(subscription: { id: string; url: string }): Promise<boolean>;
}
