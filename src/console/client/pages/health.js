import { action, toast } from "../parts/controls.js";
import { entry, h } from "../parts/dom.js";
import { when } from "../parts/words.js";
import { call } from "../state/api.js";
import { refreshStatus } from "../state/store.js";

/** Health at a glance, and what is wrong with what to do about it. */

/** @typedef {import("../../../contract/answers.ts").Connected} Connected */
/** @typedef {"ok" | "warn" | "bad"} Tone */

/**
 * @param {string} label
 * @param {Tone} tone
 * @param {string} value
 * @param {...import("../parts/dom.js").Child} detail
 */
function tile(label, tone, value, ...detail) {
  const said = { ok: "Good", warn: "Attention", bad: "Fault" }[tone];
  return h(
    "div",
    { class: `tile ${tone}` },
    h("dt", null, label),
    h("dd", null, h("span", { class: "dot", role: "img", "aria-label": said }), h("strong", null, value)),
    h("dd", { class: "detail" }, detail),
  );
}

/** @param {Connected} status */
function credentialTile({ authType, problems, region, oauth, validatedAt, accountSubdomain }) {
  const refused = problems.some(({ code }) => code.startsWith("credential") || code.startsWith("oauth"));
  const value = `${authType === "oauth" ? "OAuth" : "API token"} · ${region.toUpperCase()}`;
  const account = accountSubdomain ? `${accountSubdomain} · ` : "";
  const detail = oauth ? ["expires ", when(oauth.expiresAt)] : ["checked ", when(validatedAt)];
  return tile("Credential", refused ? "bad" : "ok", value, account, ...detail);
}

/** @param {Connected} status */
function accessTile({ capabilities, oauth }) {
  const missing = oauth?.missingScopes ?? [];
  if (missing.length > 0) return tile("Access", "warn", "Scopes missing", missing.join(", "));
  if (!capabilities.can_read_incidents) return tile("Access", "bad", "No access", "cannot read incidents");
  const write = capabilities.can_write_incidents;
  const detail =
    write === undefined ? "writing not tried yet" : write ? "incidents and webhooks" : "may not write";
  return tile("Access", "ok", write ? "Read and write" : "Read", detail);
}

/** @param {Connected} status */
function webhookTile({ webhook }) {
  const { subscription, verification, lastEventAt } = webhook;
  const last = lastEventAt === null ? ["no event yet"] : ["last event ", when(lastEventAt)];
  if (subscription && subscription.state !== "active") {
    return tile("Webhooks", "bad", subscription.state === "disabled" ? "Switched off" : "Missing", ...last);
  }
  if (verification === "callback") return tile("Webhooks", "warn", "Not verified", ...last);
  const refused = webhook.rejected.count > 0;
  if (refused) return tile("Webhooks", "warn", `${webhook.rejected.count} refused`, ...last);
  return tile("Webhooks", "ok", subscription ? "Subscribed" : "Verified", ...last);
}

/** @param {Connected} status */
function deliveryTile({ delivery }) {
  const { pending, dead, lastDeliveredAt, lastError } = delivery;
  const last = lastDeliveredAt === null ? ["nothing sent yet"] : ["last one ", when(lastDeliveredAt)];
  if (dead > 0) return tile("Deliveries to Aurora", "bad", `${dead} failed`, lastError ?? "");
  if (pending > 0) {
    return tile(
      "Deliveries to Aurora",
      lastError ? "warn" : "ok",
      `${pending} pending`,
      ...(lastError ? [lastError] : last),
    );
  }
  return tile("Deliveries to Aurora", "ok", "All delivered", ...last);
}

/** @param {Connected} status */
export function healthTiles(status) {
  return [credentialTile(status), accessTile(status), webhookTile(status), deliveryTile(status)];
}

/**
 * What a click can do about a problem.
 * @type {Record<string, {label: string, method: string, path: string, done: string}>}
 */
const REMEDIES = {
  no_signing_secret: {
    label: "Subscribe",
    method: "POST",
    path: "/subscription",
    done: "Subscribed. Webhooks are verified from now on.",
  },
  subscription_missing: {
    label: "Subscribe again",
    method: "POST",
    path: "/subscription",
    done: "Subscribed. What was missed is being recovered.",
  },
  subscription_disabled: {
    label: "Enable",
    method: "POST",
    path: "/subscription/enable",
    done: "The subscription is enabled again.",
  },
  webhooks_failed: {
    label: "Try again",
    method: "POST",
    path: "/events/retry",
    done: "The webhooks are being processed again.",
  },
  deliveries_dead: {
    label: "Redeliver",
    method: "POST",
    path: "/deliveries/redeliver",
    done: "The failed deliveries are on their way again.",
  },
};

/** @param {{code: string, message: string, fix: string}} problem */
export function problemCard({ code, message, fix }) {
  const remedy = entry(REMEDIES, code);
  const button = remedy
    ? action(remedy.label, async () => {
        await call(remedy.method, remedy.path);
        toast("ok", remedy.done);
        await refreshStatus();
      })
    : null;
  return h(
    "li",
    { class: `problem ${code === "subscription_was_disabled" ? "past" : ""}` },
    h("div", null, h("p", { class: "what" }, message), h("p", { class: "fix" }, fix)),
    button,
  );
}
