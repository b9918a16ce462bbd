/** The built Worker (`dist/index.js`). In workerd, `rules.ts` imports it under this name. */
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
  export const env: Record<string, string>;
  export class WorkerEntrypoint<Env> {
    protected readonly env: Env;
  }
}
