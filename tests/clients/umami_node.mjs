// Sends a page view and an event with Umami's Node client: the server's address is the argument.
import { createRequire } from "node:module";

const { default: umami } = createRequire(import.meta.url)("@umami/node");
umami.init({ websiteId: "docs", hostUrl: process.argv[2], userAgent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36" });
const answers = [
  await umami.track({ url: "/intro?token=x", hostname: "docs.example", title: "Intro" }),
  await umami.track("signup", { plan: "pro" }),
];
for (const answer of answers) {
  const { sessionId } = await answer.json();
  if (answer.status !== 200 || !sessionId) process.exitCode = 1;
}
