/** Makes the ids of tenants. Each connection belongs to one tenant. */

/** The calling user and organisation. `orgId` is null for a user without an organisation. */
export interface Caller {
  userId: string;
  orgId: string | null;
}

/** Valid user ids and organisation ids. They contain no colon, because it separates kind and id in a tenant id. */
export const CALLER_ID = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$/;

/** Returns the tenant id of a user without an organisation. */
export const userTenantId = (userId: string): string => `user:${userId}`;

/** Returns the id of the caller's tenant. The tenant is the organisation, or the user if `orgId` is null. */
export const tenantIdOf = ({ userId, orgId }: Caller): string =>
  orgId === null ? userTenantId(userId) : `org:${orgId}`;
