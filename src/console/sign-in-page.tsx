/** How a sign-in ended, for a browser that has nowhere else to go. The same for everyone, so it tells nothing. */
export function SignInPage({ worked }: { worked: boolean }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>{worked ? "PagerDuty is connected" : "PagerDuty is not connected"}</title>
        <link rel="stylesheet" href="/console/assets/base.css" />
      </head>
      <body>
        <main>
          <h1>{worked ? "PagerDuty is connected" : "PagerDuty is not connected"}</h1>
          <p>
            {worked
              ? "You can close this page and go back to Aurora."
              : "The sign-in did not work. Go back to Aurora and start it again."}
          </p>
        </main>
      </body>
    </html>
  );
}
