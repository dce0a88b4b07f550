// Reads deliveries as JSON lines ({secret, headers, body: base64}) and writes one verdict per line:
// "ok", or the message of the refusal. Run from a directory where `standardwebhooks` is installed.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Webhook } = createRequire(process.cwd() + "/")("standardwebhooks");

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(Buffer.from(body, "base64"), headers, { jsonParse: false });
    console.log("ok");
  } catch (error) {
    console.log(`refused: ${error.message}`);
  }
}
