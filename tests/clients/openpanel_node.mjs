// Sends an event, revenue and traits with OpenPanel's SDK: the server's address and the key are arguments.
import { OpenPanel } from "@openpanel/sdk";

const [apiUrl, clientSecret] = process.argv.slice(2);
const client = new OpenPanel({ apiUrl, clientId: "docs", clientSecret });
await client.track("deploy", { version: "1.2.0" });
await client.revenue(1000, { currency: "EUR" });
await client.identify({ profileId: "user-1", email: "ada@example.com", properties: { plan: "pro" } });
