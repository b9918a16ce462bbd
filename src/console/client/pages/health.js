import { MILD_PROBLEMS } from "../../../contract/mild-problems.ts";
import { action, toast } from "../parts/controls.js";
import { entry, h } from "../parts/dom.js";
import { narrowFold } from "../parts/fold.js";
import { keptRows } from "../parts/rows.js";
import { readable, when } from "../parts/words.js";
import { call } from "../state/api.js";
import { mayManageWebhooks } from "../state/permissions.js";
import { status as current, refreshStatus } from "../state/store.js";

/** The connection's health in a few words, and each problem with its remedy. */

/** @typedef {import("../../../contract/status-answers.ts").Connected} Connected */
/** @typedef {"ok" | "warn" | "bad" | "off"} Tone */

/**
 * @param {string} label
 * @param {Tone} tone
 * @param {string} value
 * @param {...import("../parts/dom.js").Child} detail
 */
function tile(label, tone, value, ...detail) {
  const said = { ok: "Good", warn: "Attention", bad: "Fault", off: "Off" }[tone];
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
  const { subscription, verification, lastEventAt, rejected } = webhook;
  const last = lastEventAt === null ? ["no event yet"] : ["last event ", when(lastEventAt)];
  if (subscription && subscription.state !== "active") {
    const value = subscription.state === "disabled" ? "Disabled" : "Missing";
    return tile("Webhooks", "bad", value, "no events arrive · ", ...last);
  }
  if (verification === "callback") return tile("Webhooks", "warn", "Not verified", ...last);
  if (rejected.count > 0) return tile("Webhooks", "warn", `${rejected.count} refused`, ...last);
  return tile("Webhooks", "ok", subscription ? "Subscribed" : "Verified", ...last);
}

/** @param {Connected} status */
function deliveryTile({ delivery }) {
  const { pending, dead, lastDeliveredAt, cause, target } = delivery;
  const label = "Deliveries to Aurora";
  if (target === null)
    return tile(label, "off", "Not configured", "kept here, not sent: set AURORA_EVENTS_URL");
  const last = lastDeliveredAt === null ? ["nothing sent yet"] : ["last one ", when(lastDeliveredAt)];
  const waiting = pending > 0 ? `${pending} pending` : "";
  const error = cause ?? "";
  // `error` belongs to the newest failed delivery; older deliveries may have failed for different reasons.
  const failed = dead > 1 ? `the newest: ${error}` : error;
  if (dead > 0) return tile(label, "bad", [`${dead} failed`, waiting].filter(Boolean).join(", "), failed);
  if (pending > 0) return tile(label, error ? "warn" : "ok", waiting, ...(error ? [error] : last));
  if (lastDeliveredAt === null) return tile(label, "ok", "Ready", ...last);
  return tile(label, "ok", "All delivered", ...last);
}

/** @param {Connected} status */
export function healthTiles(status) {
  return [credentialTile(status), accessTile(status), webhookTile(status), deliveryTile(status)];
}

/**
 * The problems that a button can solve with a POST to `path`. `webhooks`: the POST needs a credential that may manage
 * webhooks.
 * @type {Record<string, {label: string, path: string, done: string, webhooks?: true}>}
 */
const REMEDIES = {
  no_signing_secret: {
    label: "Subscribe",
    path: "/subscription",
    done: "Subscribed. Webhooks are verified from now on.",
    webhooks: true,
  },
  subscription_missing: {
    label: "Subscribe again",
    path: "/subscription",
    done: "Subscribed. Missed incidents are being recovered.",
    webhooks: true,
  },
  subscription_disabled: {
    label: "Enable",
    path: "/subscription/enable",
    done: "The subscription is enabled again.",
    webhooks: true,
  },
  webhooks_failed: {
    label: "Try again",
    path: "/events/retry",
    done: "The webhooks are being processed again.",
  },
};

/** @param {string} code */
function remedyOf(code) {
  if (code === "deliveries_dead") {
    return h("a", { class: "button", href: "#/deliveries?state=dead" }, "Show failed");
  }
  const remedy = entry(REMEDIES, code);
  if (!remedy) return null;
  const now = current();
  if (remedy.webhooks && now?.connected && !mayManageWebhooks(now)) {
    return h("a", { class: "button", href: "#/connection" }, "Do it by hand");
  }
  return action(remedy.label, async () => {
    await call("POST", remedy.path);
    toast("ok", remedy.done);
    await refreshStatus();
  });
}

/** @param {{code: string, message: string, fix: string}} problem */
export function problemCard({ code, message, fix }) {
  return h(
    "li",
    { class: `problem ${entry(MILD_PROBLEMS, code) ?? ""}` },
    h("div", null, h("p", { class: "what" }, readable(message)), h("p", { class: "fix" }, readable(fix))),
    remedyOf(code),
  );
}

/**
 * The list of problems. A narrow screen folds several problems into one line, so that the page below stays in sight.
 */
export function problemList() {
  const list = h("ul", { class: "problems" });
  const cards = keptRows(list, ({ code }) => code, problemCard);
  const summary = h("summary");
  const { element, fold } = narrowFold("problem-fold", summary, list, () => cards.count > 1);
  return {
    element,
    /** Shows the problems, the severe ones first. @param {Connected["problems"]} problems */
    set(problems) {
      /** @param {{code: string}} problem */
      const isMild = ({ code }) => entry(MILD_PROBLEMS, code) !== undefined;
      cards.set(problems.toSorted((a, b) => Number(isMild(a)) - Number(isMild(b))));
      element.hidden = problems.length === 0;
      summary.className = `problem ${problems.every(isMild) ? "warn" : ""}`;
      summary.textContent = `${problems.length} problems`;
      fold();
    },
  };
}
