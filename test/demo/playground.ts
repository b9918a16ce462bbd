import type { Stage } from "./stage.ts";

/** Prints commands that the user can copy while the demo keeps running. */
export function invite(stage: Stage): void {
  const { aurora, pagerduty, connector, transcript, feed } = stage;
  const user = `-H 'X-User-ID: ${connector.userId}'`;
  const incidents = `curl -X POST ${pagerduty.apiUrl}/_emulator/incidents`;
  transcript.heading("Now play with it");
  transcript.entries([
    ["Console", `${connector.url}/ in a browser`],
    ["PagerDuty", `${pagerduty.apiUrl}/_emulator`],
  ]);
  const parts: [string, string[]][] = [
    [
      "Ask the connector",
      [
        `curl -s ${connector.url}/pagerduty ${user}`,
        `curl -s ${connector.url}/pagerduty/incidents ${user}`,
        `curl -s ${connector.url}/healthz`,
      ],
    ],
    [
      "Make something happen in PagerDuty; the first line prints the <id>",
      [
        `${incidents} -d '{"title": "Checkout is slow", "urgency": "high", "priority": "P2"}'`,
        `${incidents}/<id>/field -d '{"name": "runbook_link", "value": "https://example.com/"}'`,
        ...["acknowledge", "escalate", "resolve", "reopen"].map((action) => `${incidents}/<id>/${action}`),
      ],
    ],
    [
      "Let something fail: Aurora answers 503, and as usual again; PagerDuty's webhook is disabled, and what was missed recovered",
      [
        `curl -X POST ${aurora.url}/_emulator/answer -d 503`,
        `curl -X POST ${aurora.url}/_emulator/answer`,
        `curl -X POST ${pagerduty.apiUrl}/_emulator/webhooks/disable`,
        `curl -X POST ${pagerduty.apiUrl}/_emulator/webhooks/enable`,
        `curl -X POST ${connector.url}/pagerduty/reconcile ${user}`,
      ],
    ],
  ];
  for (const [title, lines] of parts) {
    transcript.heading(title);
    for (const line of lines) transcript.detail(line);
  }
  suggestNext(stage);
  transcript.heading("What Aurora is sent from now on (Ctrl-C ends the demo)");
  feed.head();
}

/** Prints how to continue with your own PagerDuty and Aurora. */
export function suggestNext({ transcript }: Pick<Stage, "transcript">): void {
  transcript.heading("Next steps");
  transcript.entries([
    ["your own PagerDuty", "npm run dev -- --tunnel, then README.md, Connect PagerDuty"],
    ["Cloudflare", "npm run deploy"],
    ["your own Aurora", "docs/deploy.md, In Aurora"],
  ]);
}
