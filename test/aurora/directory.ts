/** Aurora's users, their roles and the organisations' credentials (tables `users`, `casbin_rule`, `user_tokens`). */

/** Each role may do everything that the roles before it may do (server/utils/auth/enforcer.py). */
export const ROLES = ["viewer", "editor", "admin"] as const;
export type Role = (typeof ROLES)[number];

export interface User {
  readonly id: string;
  /** `users.org_id`: the organisation that tasks and webhooks use for the user; null if the user has none. */
  organisation: string | null;
  /** The user's role in each organisation. The keys are the organisations' ids. */
  readonly roles: Map<string, Role>;
}

/** A row of `user_tokens`. Each organisation has at most one row. */
export interface CredentialRow {
  readonly userId: string;
  readonly organisation: string | null;
  readonly token: string;
  readonly displayName: string;
  readonly validatedAt: string;
  readonly externalUserEmail: string | null;
  readonly externalUserName: string | null;
  readonly accountSubdomain: string | null;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export class Directory {
  readonly users = new Map<string, User>();
  /** In Aurora, an organisation that has a row counts as connected, even if PagerDuty refuses the row's credential. */
  credentials: CredentialRow[] = [];

  /**
   * @throws for an id that is not a UUID, because Aurora finds no credential for such an id
   * (server/utils/db/org_scope.py)
   */
  addUser(id: string, organisation: string | null, role: Role = "editor"): User {
    for (const uuid of organisation === null ? [id] : [id, organisation]) {
      if (!UUID.test(uuid)) throw new Error(`Ids of Aurora's users and organisations are UUIDs: ${uuid}`);
    }
    const roles = new Map<string, Role>(organisation === null ? [] : [[organisation, role]]);
    const user: User = { id, organisation, roles };
    this.users.set(id, user);
    return user;
  }

  organisationOf(userId: string): string | null {
    return this.users.get(userId)?.organisation ?? null;
  }

  may(action: "read" | "write", userId: string, organisation: string): boolean {
    const role = this.users.get(userId)?.roles.get(organisation);
    return role !== undefined && (action === "read" || role !== "viewer");
  }

  /**
   * `get_user_token_data`: finds the first row that belongs to the given organisation or to this user. A row of this
   * user may be of any organisation.
   */
  credentialFor(userId: string, organisation: string | null): CredentialRow | null {
    return this.credentials.find((row) => isVisible(row, userId, organisation)) ?? null;
  }

  /**
   * `store_tokens_in_db`: stores the row for `users.org_id`, even if the request names another organisation. If the
   * organisation already has a row, that row keeps its user.
   */
  store(named: string | null, row: CredentialRow): void {
    const organisation = this.organisationOf(row.userId) ?? named;
    const index = this.credentials.findIndex((known) => known.organisation === organisation);
    const owner = this.credentials[index]?.userId ?? row.userId;
    this.credentials.splice(index < 0 ? this.credentials.length : index, 1, {
      ...row,
      userId: owner,
      organisation,
    });
  }

  /** `delete_user_secret`. @returns how many rows were deleted */
  remove(userId: string, organisation: string | null): number {
    const kept = this.credentials.filter((row) => !isVisible(row, userId, organisation));
    const removed = this.credentials.length - kept.length;
    this.credentials = kept;
    return removed;
  }
}

function isVisible(row: CredentialRow, userId: string, organisation: string | null): boolean {
  return row.userId === userId || (organisation !== null && row.organisation === organisation);
}
