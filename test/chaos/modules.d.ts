/** The built Worker (`dist/index.js`), which workerd offers to `rules.ts` under this name. */
declare module "connector" {
  export class Tenant {
    constructor(ctx: object, env: object);
    alarm(): Promise<void>;
  }
  const worker: {
    fetch(request: Request, env: object, ctx: object): Promise<Response>;
    queue(batch: object, env: object, ctx: object): Promise<void>;
  };
  export default worker;
}

declare module "cloudflare:workers" {
  /** The bindings that are texts. */
  export const env: Record<string, string>;
}
