/**
 * As much of a Durable Object's storage as the code needs that tests import into Node for its pure functions.
 * The whole of the runtime's types would get between the tests and Node's own.
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
