/** The part of Express that the bench uses; Express contains no types. */
declare module "express" {
  import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

  interface Request extends IncomingMessage {
    params: Record<string, string>;
    body: Buffer;
  }
  interface Response extends ServerResponse {
    status(code: number): this;
    json(body: unknown): void;
  }
  type Middleware = (request: Request, response: Response, next: () => void) => unknown;
  interface Express extends RequestListener {
    use(middleware: Middleware): void;
    post(path: string, handler: (request: Request, response: Response) => Promise<void>): void;
  }
  const express: (() => Express) & { raw(options: { type: string; limit: number }): Middleware };
  export default express;
}
