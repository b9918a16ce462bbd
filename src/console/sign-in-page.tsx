import { HeadOf } from "./page.tsx";

/** How a sign-in ended, for a browser that has nowhere else to go. The same for everyone, so it tells nothing. */
export function SignInPage({ worked }: { worked: boolean }) {
  const title = worked ? "PagerDuty is connected" : "PagerDuty is not connected";
  return (
    <html lang="en">
      <head>
        <HeadOf title={title} styles={[]} />
      </head>
      <body>
        <main>
          <h1>{title}</h1>
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
