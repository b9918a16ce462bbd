import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
export default defineConfig({ test: { projects: [
 { plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })], test: { name: "unit", include: ["test/try/**/*.unit.ts"] } },
 { test: { name: "flows", include: ["test/try/**/*.flow.ts"] } } ] } });
