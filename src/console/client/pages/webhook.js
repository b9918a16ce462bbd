import { action, copyButton, fact, field, form, secretInput, toast } from "../parts/controls.js";
import { append, h } from "../parts/dom.js";
import { confirmedAsItIs } from "../parts/question.js";
import { moment, words } from "../parts/words.js";
import { call, get } from "../state/api.js";
import { mayManageWebhooks } from "../state/permissions.js";
import { refreshStatus } from "../state/store.js";

/** The webhook's URL, and the signing secret of a webhook that was created by hand. */

/** @typedef {import("../../../contract/status-answers.ts").Connected} Connected */

/** How to create the webhook by hand, a form to store its signing secret, and a button to remove all secrets. */
export function byHandPanel() {
  const steps = h("ol", { class: "plain-steps" });
  const secret = secretInput("secret");
  const store = form(
    { label: "Store secret", kind: "plain" },
    async (data) => {
      await call("PUT", "/signing-secret", { secret: data.get("secret") });
      secret.value = "";
      toast("ok", "Stored. Webhooks are verified with it from now on.");
      await refreshStatus();
    },
    field(
      "Signing secret",
      secret,
      "PagerDuty shows it once, when the webhook is created. The previous secret stays valid for 24 hours.",
    ),
  );
  const forget = action("Remove all secrets…", async () => {
    const sure = await confirmedAsItIs({
      title: "Remove all signing secrets?",
      text: "Webhooks can then no longer be verified. Each webhook only counts after its incident was read back from PagerDuty.",
      confirm: "Remove",
    });
    if (!sure) return;
    await call("DELETE", "/signing-secret");
    toast("ok", "Removed.");
    await refreshStatus();
  });
  void get("/webhook-url")
    .then((/** @type {import("../../../contract/answers.ts").WebhookUrl} */ { instructions }) => {
      steps.replaceChildren(...instructions.map((text) => h("li", null, text.replace(/^\d+\.\s*/, ""))));
    })
    .catch(() => steps.remove());
  const panel = h(
    "details",
    { class: "panel fold" },
    h("summary", null, "Create the webhook by hand"),
    steps,
    store,
    forget,
  );
  let isFirst = true;
  return {
    panel,
    /**
     * The first call opens the panel if the credential may not create webhooks and no signing secret is stored.
     * @param {Connected} status
     */
    show(status) {
      // `callback` means that no signing secret is stored, so there is nothing to remove.
      forget.hidden = status.webhook.verification === "callback";
      if (isFirst) panel.open = !mayManageWebhooks(status) && status.webhook.verification === "callback";
      isFirst = false;
    },
  };
}

/** @param {Connected["webhook"]} webhook */
function facts({ verification, lastEventAt, lastPingAt, rejected }) {
  return [
    fact("Verification", verification === "signature" ? "Signature" : "Read back from PagerDuty"),
    fact("Last event", moment(lastEventAt)),
    fact("Last test event", moment(lastPingAt)),
    fact(
      "Refused",
      rejected.count === 0 ? "none" : `${rejected.count}, last `,
      rejected.count > 0 && moment(rejected.lastAt),
    ),
    rejected.lastReason && fact("Why", words(rejected.lastReason)),
  ];
}

/** The webhook URL to copy, and facts about the webhooks that arrived there. */
export function urlPanel() {
  const url = h("span", { class: "mono" });
  const list = h("dl", { class: "facts" });
  const panel = h(
    "section",
    { class: "panel" },
    h("h2", null, "Webhook URL"),
    h(
      "p",
      { class: "id-line" },
      url,
      copyButton(() => url.textContent ?? "", "webhook URL"),
    ),
    list,
  );
  return {
    panel,
    /** @param {Connected} status */
    show({ webhook }) {
      if (url.textContent !== webhook.url) url.textContent = webhook.url;
      list.replaceChildren();
      append(list, facts(webhook));
    },
  };
}
