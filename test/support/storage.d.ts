/**
 * Some types of a Durable Object's storage, for tests in Node that import functions with these types. The runtime's
 * complete types conflict with Node's.
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

/** A method of workerd's Web Crypto. */
interface SubtleCrypto {
  timingSafeEqual(a: ArrayBuffer | ArrayBufferView, b: ArrayBuffer | ArrayBufferView): boolean;
}
