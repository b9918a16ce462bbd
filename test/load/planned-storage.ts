import { DatabaseSync } from "node:sqlite";
import { migrate } from "../../src/storage/migrations.ts";

/** Creates the connector's tables in Node's SQLite. Records SQLite's query plan for each executed statement. */

export interface Statement {
  /** The file and line of the `sql.exec` call, such as `storage/notes.ts:50`. */
  place: string;
  caller: string;
  plan: string[];
}

export interface PlannedStorage {
  storage: DurableObjectStorage;
  /** The statements executed since the tables were created. */
  statements: Statement[];
  /** The names of the indexes that cover only some rows, such as the pending deliveries. */
  partialIndexes: string[];
}

/** `PLACE` finds the innermost line of src/ in a stack trace. `CALLER` finds the innermost named function of src/. */
const PLACE = /\/src\/(\S+:\d+):\d+/;
const CALLER = /at (?:\S+\.)?(\S+) \(\S*\/src\//;

export function openPlanned(): PlannedStorage {
  const database = new DatabaseSync(":memory:");
  const held = new Map<string, unknown>();
  const statements: Statement[] = [];
  const storage: DurableObjectStorage = {
    kv: { get: (key) => held.get(key), put: (key, value) => void held.set(key, value) },
    transactionSync: (work) => work(),
    sql: {
      exec(query, ...values) {
        const { stack = "" } = new Error();
        const [place = "", caller = ""] = [PLACE, CALLER].map((pattern) => pattern.exec(stack)?.[1]);
        if (/CREATE|ALTER|DROP/.test(query)) {
          database.exec(query);
          return Object.assign([], { rowsWritten: 0 });
        }
        const bound = values.map((value) =>
          typeof value === "number" || value === null || value instanceof Uint8Array ? value : String(value),
        );
        const plan = database.prepare(`EXPLAIN QUERY PLAN ${query}`).all(...bound);
        statements.push({ place, caller, plan: plan.map(({ detail }) => String(detail)) });
        const statement = database.prepare(query);
        if (!/^\s*(SELECT|WITH)\b|\bRETURNING\b/.test(query)) {
          return Object.assign([], { rowsWritten: Number(statement.run(...bound).changes) });
        }
        const rows = statement.all(...bound).map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([name, value]) => {
              if (value instanceof Uint8Array) return [name, Uint8Array.from(value).buffer];
              return [name, typeof value === "bigint" ? Number(value) : value];
            }),
          ),
        );
        return Object.assign(rows, { rowsWritten: 0 });
      },
    },
  };
  migrate(storage);
  const partial = database.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'",
  );
  return { storage, statements, partialIndexes: partial.all().map(({ name }) => String(name)) };
}
