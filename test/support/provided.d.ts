import "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** The address of the browser, for playwright; null if no browser starts. */
    chromium: string | null;
    /** Webhook bodies in order of occurrence, generated outside of workerd. */
    history: { webhookId: string; body: string }[];
    /** Valid API tokens: `us` of a user in the US, `eu` of a user in the EU, `euAccount` of an account in the EU. */
    tokens: { us: string; eu: string; euAccount: string };
  }
}
