import { WorkerEntrypoint } from "cloudflare:workers";

/** A rate-limit binding. The simulated platform keeps the counters, so a kill does not reset them. */
interface LimiterEnv {
  /** The binding's name in wrangler.toml. */
  NAME: string;
  COUNTERS: { fetch(url: string): Promise<Response> };
}

export default class extends WorkerEntrypoint<LimiterEnv> {
  async limit({ key }: { key: string }): Promise<{ success: boolean }> {
    const url = `http://counters/${this.env.NAME}/${encodeURIComponent(key)}`;
    const { status } = await this.env.COUNTERS.fetch(url);
    return { success: status === 204 };
  }
}
