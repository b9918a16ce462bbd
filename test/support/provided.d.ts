import "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** Webhook bodies in order of occurrence, made outside of workerd. */
    history: { webhookId: string; body: string }[];
    /** Valid API tokens of an account in each region. */
    tokens: { us: string; eu: string; euAccount: string };
  }
}
