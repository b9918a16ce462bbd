import "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** The address of the browser, for playwright; null if no browser starts. */
    chromium: string | null;
    /** Webhook bodies in order of occurrence, generated outside of workerd. */
    history: { webhookId: string; body: string }[];
    /** Valid API tokens of an account in each region. */
    tokens: { us: string; eu: string; euAccount: string };
  }
}
