// Sends two events with Segment's Node library: the server's address and the key are arguments.
import { Analytics } from "@segment/analytics-node";

const [host, writeKey] = process.argv.slice(2);
const analytics = new Analytics({ host, writeKey, flushAt: 10 });
const failures = [];
analytics.on("error", (error) => failures.push(error));
analytics.track({ userId: "user-1", event: "Release Published", properties: { version: "1.2.0" }, messageId: "segment-node-0001" });
analytics.page({ anonymousId: "anon-1", name: "Intro", properties: { url: "https://docs.example/intro?token=x" }, messageId: "segment-node-0002" });
await analytics.closeAndFlush();
console.log(JSON.stringify(failures));
process.exitCode = failures.length;
