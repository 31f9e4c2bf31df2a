// Sends an event and a page view with PostHog's Node library: the server's address and the key are arguments.
import { PostHog } from "posthog-node";

const [host, key] = process.argv.slice(2);
const client = new PostHog(key, { host, flushAt: 20, fetchRetryDelay: 100, fetchRetryCount: 5 });
const failures = [];
client.on("error", (error) => failures.push(String(error)));
client.capture({ distinctId: "ci", event: "deploy", properties: { version: "1.2.0" }, uuid: "50f23a7a-8b0a-4d62-867d-8c34eb2ad2d1" });
client.capture({ distinctId: "user-1", event: "$pageview", properties: { $current_url: "https://docs.example/intro?token=x" }, uuid: "50f23a7a-8b0a-4d62-867d-8c34eb2ad2d2" });
await client.shutdown();
console.log(JSON.stringify(failures));
process.exitCode = failures.length;
