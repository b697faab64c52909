// Calls the local KMS as any AWS application would: the call, as JSON, on standard input; the reply or
// the name of the error, as JSON, on standard output. Bytes are base64 both ways.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const sdk = createRequire(`${process.argv[2]}/`)("@aws-sdk/client-kms");
const call = JSON.parse(readFileSync(0, "utf8"));
const bytes = (text) => (text === undefined ? undefined : Buffer.from(text, "base64"));
const text = (value) => (value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value);

const client = new sdk.KMSClient({
  region: call.region,
  endpoint: call.endpoint,
  credentials: call.credentials,
  maxAttempts: 1,
});
const input = { ...call.input };
if (input.CiphertextBlob !== undefined) input.CiphertextBlob = bytes(input.CiphertextBlob);
if (input.Recipient !== undefined) {
  input.Recipient = { ...input.Recipient, AttestationDocument: bytes(input.Recipient.AttestationDocument) };
}
let result;
try {
  const reply = await client.send(new sdk[`${call.operation}Command`](input));
  result = Object.fromEntries(Object.entries(reply).map(([name, value]) => [name, text(value)]));
  delete result.$metadata;
} catch (error) {
  result = { error: error.name, message: error.message };
}
console.log(JSON.stringify(result));
