// Puts and deletes objects with the keys that break naive proxies, and a JSON call, with aws-sdk-js v3; counts
// signature mismatches. Node 20 ignores HTTPS_PROXY: an agent leads it through.
import { createRequire } from "node:module";

const need = createRequire(process.env.ASSENT_TEST_JS + "/");
const { S3Client, PutObjectCommand, DeleteObjectCommand, PutObjectTaggingCommand } = need("@aws-sdk/client-s3");
const { DynamoDBClient, DeleteTableCommand } = need("@aws-sdk/client-dynamodb");
const { NodeHttpHandler } = need("@smithy/node-http-handler");
const { HttpsProxyAgent } = need("https-proxy-agent");

const requestHandler = new NodeHttpHandler({ httpsAgent: new HttpsProxyAgent(process.env.HTTPS_PROXY) });
const s3 = new S3Client({ requestHandler, maxAttempts: 1 });
const keys = ["plain", "ü/€", "a%2Fb", "d//e", "../x", "a/./b", "~x!*()'", "a[1]{x}", "sp ace+plus", "folder/", "q?a=b&c", "#hash", "\\back^`|"];
let calls = 0, mismatches = 0;
const send = async (what, call) => {
  calls++;
  try {
    await call();
  } catch (e) {
    console.log(what, e.name, e.message);
    mismatches++;
  }
};
for (const Key of keys) {
  await send(Key, () => s3.send(new PutObjectCommand({ Bucket: "acme", Key, Body: Buffer.alloc(1000, "x"), Metadata: { name: "a  b" } })));
  await send(Key, () => s3.send(new PutObjectTaggingCommand({ Bucket: "acme", Key, Tagging: { TagSet: [{ Key: "k", Value: "v" }] } })));
  await send(Key, () => s3.send(new DeleteObjectCommand({ Bucket: "acme", Key })));
}
const db = new DynamoDBClient({ requestHandler, maxAttempts: 1 });
await send("dynamodb", () => db.send(new DeleteTableCommand({ TableName: "orders" })));
console.log(`${calls} signed calls, ${mismatches} mismatches`);
process.exit(mismatches ? 1 : 0);
