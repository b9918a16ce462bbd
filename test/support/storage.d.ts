/**
 * The part of a Durable Object's storage types that is needed when tests in Node import pure functions. The complete
 * types of the runtime would conflict with Node's.
 */
type SqlStorageValue = ArrayBuffer | string | number | null;

interface SqlStorage {
  exec(
    query: string,
    ...bindings: unknown[]
  ): Iterable<Record<string, ArrayBuffer | string | number | null>> & { readonly rowsWritten: number };
}

interface DurableObjectStorage {
  readonly sql: SqlStorage;
  readonly kv: { get(key: string): unknown; put(key: string, value: unknown): void };
  transactionSync<T>(work: () => T): T;
}

/** Of workerd's Web Crypto. */
interface SubtleCrypto {
  timingSafeEqual(a: ArrayBuffer | ArrayBufferView, b: ArrayBuffer | ArrayBufferView): boolean;
}
